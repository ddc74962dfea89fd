"""Plateau detection for sweeps: a trial that is flat is done.

`PlateauStop` needs optuna and `TuneStop` Ray Tune; each is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plateau_sweeps.by_optuna import PlateauStop as PlateauStop
    from plateau_sweeps.by_ray import TuneStop as TuneStop

__all__ = ["PlateauStop", "TuneStop"]

_HOMES = {"PlateauStop": "optuna", "TuneStop": "ray"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    package = _HOMES[name]
    try:
        import_module(package)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{name} needs {package}: python -m pip install 'plateau-detect[{package}]'"
        ) from error
    return getattr(import_module(f"{__name__}.by_{package}"), name)
