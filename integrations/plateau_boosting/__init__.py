"""Plateau detection for boosting: stop adding trees when a validation metric is flat.

`CatBoostStop` needs catboost, `LightGBMStop` lightgbm and `XGBoostStop` xgboost; each is loaded
when it is first asked for.
"""

from typing import TYPE_CHECKING

from plateau.extras import loaded_by

if TYPE_CHECKING:
    from plateau_boosting.by_catboost import CatBoostStop as CatBoostStop
    from plateau_boosting.by_lightgbm import LightGBMStop as LightGBMStop
    from plateau_boosting.by_xgboost import XGBoostStop as XGBoostStop

__all__ = ["CatBoostStop", "LightGBMStop", "XGBoostStop"]

__getattr__ = loaded_by(
    __name__, {"CatBoostStop": "catboost", "LightGBMStop": "lightgbm", "XGBoostStop": "xgboost"}
)
