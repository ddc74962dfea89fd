"""Plateau detection for Lightning: callbacks that lower the learning rate, or stop."""

try:
    import lightning as _lightning
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "plateau_lightning needs Lightning: python -m pip install 'plateau-detect[lightning]'"
    ) from error

from plateau_lightning.callbacks import PlateauRate as PlateauRate
from plateau_lightning.callbacks import PlateauStop as PlateauStop

del _lightning

__all__ = ["PlateauRate", "PlateauStop"]
