"""Without its framework an adapter says in one line how to get it."""

import sys
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    ("adapter", "name", "framework", "extra"),
    [
        ("plateau_torch", "PlateauLR", "torch", "torch"),
        ("plateau_lightning", "PlateauRate", "lightning", "lightning"),
        ("plateau_transformers", "PlateauRate", "transformers", "transformers"),
        ("plateau_keras", "PlateauRate", "keras", "keras"),
        ("plateau_river", "PlateauDrift", "river", "river"),
        ("plateau_sweeps", "PlateauStop", "optuna", "optuna"),
        ("plateau_sweeps", "TuneStop", "ray", "ray"),
        ("plateau_boosting", "CatBoostStop", "catboost", "catboost"),
        ("plateau_boosting", "XGBoostStop", "xgboost", "xgboost"),
        ("plateau_boosting", "LightGBMStop", "lightgbm", "lightgbm"),
    ],
)
def test_an_adapter_without_its_framework_names_the_extra(
    adapter, name, framework, extra, monkeypatch
):
    for module in [m for m in sys.modules if m.split(".")[0] == adapter]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, framework, None)  # as if it were not installed
    with pytest.raises(ModuleNotFoundError) as told:
        getattr(import_module(adapter), name)
    assert f"pip install 'plateau-detect[{extra}]'" in str(told.value)
    assert "\n" not in str(told.value)
    monkeypatch.undo()
