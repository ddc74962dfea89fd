"""Plateau detection for the Trainer of transformers: callbacks that lower the rate, or stop."""

try:
    import transformers as _transformers
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "plateau_transformers needs transformers: "
        "python -m pip install 'plateau-detect[transformers]'"
    ) from error

from plateau_transformers.callbacks import PlateauRate as PlateauRate
from plateau_transformers.callbacks import PlateauStop as PlateauStop

del _transformers

__all__ = ["PlateauRate", "PlateauStop"]
