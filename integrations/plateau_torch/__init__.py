"""Plateau detection for PyTorch: lower the learning rate, or stop, when the raw loss is flat."""

try:
    import torch as _torch
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "plateau_torch needs PyTorch: python -m pip install 'plateau-detect[torch]'"
    ) from error

from plateau_torch.scheduler import PlateauEvent as PlateauEvent
from plateau_torch.scheduler import PlateauLR as PlateauLR
from plateau_torch.stopper import PlateauStopper as PlateauStopper

del _torch

__all__ = ["PlateauEvent", "PlateauLR", "PlateauStopper"]
