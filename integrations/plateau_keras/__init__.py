"""Plateau detection for Keras: callbacks that lower the learning rate, or stop."""

try:
    import keras as _keras
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "plateau_keras needs Keras 3 and a backend of it: "
        "python -m pip install 'plateau-detect[keras]'"
    ) from error

from plateau_keras.callbacks import PlateauRate as PlateauRate
from plateau_keras.callbacks import PlateauStop as PlateauStop

del _keras

__all__ = ["PlateauRate", "PlateauStop"]
