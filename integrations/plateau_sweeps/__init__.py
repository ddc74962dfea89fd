"""Plateau detection for sweeps: a trial that is flat is done."""

try:
    import optuna as _optuna
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "plateau_sweeps needs Optuna: python -m pip install 'plateau-detect[optuna]'"
    ) from error

from plateau_sweeps.by_optuna import PlateauStop as PlateauStop

del _optuna

__all__ = ["PlateauStop"]
