"""Plateau detection for PyTorch: lower the learning rate, or stop, when the raw loss is flat."""

from plateau_torch.scheduler import PlateauEvent as PlateauEvent
from plateau_torch.scheduler import PlateauLR as PlateauLR
from plateau_torch.stopper import PlateauStopper as PlateauStopper

__all__ = ["PlateauEvent", "PlateauLR", "PlateauStopper"]
