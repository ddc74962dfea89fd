"""Plateau detection for boosting: stop adding trees when a validation metric is flat.

`CatBoostStop` needs catboost, `LightGBMStop` lightgbm and `XGBoostStop` xgboost; each is loaded
when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plateau_boosting.by_catboost import CatBoostStop as CatBoostStop
    from plateau_boosting.by_lightgbm import LightGBMStop as LightGBMStop
    from plateau_boosting.by_xgboost import XGBoostStop as XGBoostStop

__all__ = ["CatBoostStop", "LightGBMStop", "XGBoostStop"]

_HOMES = {"CatBoostStop": "catboost", "LightGBMStop": "lightgbm", "XGBoostStop": "xgboost"}


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
