"""What only boosting has: the best iteration, cross-validation, metrics that are held."""

import numpy as np
import pytest
from boosters import BOOSTERS, CatBoost
from trainings import rows

from plateau import Haar, Stopper, ThresholdDetector

pytestmark = pytest.mark.filterwarnings("ignore")  # what they warn about each other is theirs

FLAT = ThresholdDetector(Haar(window=8), threshold=0.002, patience=6)
ROUNDS = 200


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    return x, x @ [1.0, -2.0, 0.5, 0.0] + 0.5 * rng.normal(size=300)


def stopped(values):
    """What a stopper makes of all values."""
    stopper = Stopper(FLAT.clone())
    return stopper, [stopper.step(value) for value in values]


@pytest.fixture(params=BOOSTERS)
def boosting(request):
    pytest.importorskip(BOOSTERS[request.param].package)
    return BOOSTERS[request.param]


def test_the_best_iteration_is_known_where_it_stops_and_where_a_training_goes_on(
    boosting, tmp_path
):
    whole, first, again = (boosting(tmp_path, FLAT) for _ in range(3))
    values = whole.train(rows(), epochs=5).losses
    assert whole.best == stopped(values)[0].best_step == int(np.argmin(values))
    first.train(rows(), epochs=5, save_at=10)
    again.train(rows(), epochs=5, resume_at=10)
    assert again.best == whole.best


def test_it_ends_with_the_best_where_nothing_stops_it(boosting, tmp_path):
    made = boosting(tmp_path, FLAT)
    values = made.train(rows(), epochs=1).losses
    assert True not in stopped(values)[1]
    assert made.best == int(np.argmin(values))


def test_what_is_held_between_two_evaluations_is_taken_once(tmp_path):
    pytest.importorskip("catboost")
    boosting = CatBoost(tmp_path, FLAT)
    boosting.own = {"metric_period": 3}
    values = boosting.train(rows(), epochs=5).losses
    stopper, stops = stopped(values)
    assert boosting.callback.stopper.taken == len(values)
    assert stops.index(True) == len(values) - 1 < ROUNDS // 3 - 1
    assert boosting.callback.stopper.best_step == stopper.best_step


def test_cross_validation_of_xgboost_stops_at_the_mean_of_the_folds():
    xgboost = pytest.importorskip("xgboost")
    from plateau_boosting import XGBoostStop

    def means(*callbacks):
        parameters = {"eta": 0.2, "max_depth": 2, "nthread": 1}
        return xgboost.cv(
            parameters,
            xgboost.DMatrix(*data()),
            ROUNDS,
            nfold=3,
            seed=0,
            as_pandas=False,
            callbacks=callbacks,
        )["test-rmse-mean"]

    whole = means()
    at = stopped(whole)[1].index(True)
    best = stopped(whole[: at + 1])[0].best_step
    assert means(XGBoostStop(FLAT)) == whole[: best + 1]


def test_cross_validation_of_lightgbm_stops_at_the_mean_of_the_folds():
    lightgbm = pytest.importorskip("lightgbm")
    from plateau_boosting import LightGBMStop

    def means(*callbacks):
        parameters = {"learning_rate": 0.2, "num_leaves": 4, "verbose": -1, "num_threads": 1}
        found = lightgbm.cv(
            parameters | {"objective": "regression", "metric": "l2"},
            lightgbm.Dataset(*data()),
            ROUNDS,
            nfold=3,
            stratified=False,
            eval_train_metric=True,
            callbacks=list(callbacks),
        )
        return found["valid l2-mean"]

    whole = means()
    at = stopped(whole)[1].index(True)
    best = stopped(whole[: at + 1])[0].best_step
    assert means(LightGBMStop(FLAT, metric="l2")) == whole[: best + 1]


def test_what_is_not_evaluated_is_named(boosting):
    import plateau_boosting

    if boosting.package == "xgboost":
        stop = plateau_boosting.XGBoostStop(metric="auc")
        with pytest.raises(ValueError, match="metric='auc' is not there; there is rmse"):
            stop.after_iteration(None, 0, {"held_out": {"rmse": [1.0]}})
        with pytest.raises(ValueError, match="needs an evaluation set"):
            stop.after_iteration(None, 0, {})
    elif boosting.package == "catboost":
        for arguments, log, why in [
            ({}, {"learn": {"RMSE": [1.0]}}, "needs an evaluation set"),
            ({}, {"validation": {"RMSE": [1.0], "MAE": [1.0]}}, "needs metric=, one of RMSE, MAE"),
            ({"metric": "AUC"}, {"validation": {"RMSE": [1.0]}}, "'AUC' is not there; there is R"),
            ({"data": "test"}, {"validation": {"RMSE": [1.0]}}, "'test' is no evaluation set"),
        ]:
            with pytest.raises(ValueError, match=why):
                plateau_boosting.CatBoostStop(**arguments)._chosen(log)
        with pytest.raises(ValueError, match="which way Own is better: give a detector"):
            plateau_boosting.CatBoostStop()._begin("Own")
    else:
        with pytest.raises(ValueError, match="finds no auc of a set that is not for training"):
            plateau_boosting.LightGBMStop(metric="auc")._chosen(_environment(), [])


def _environment():
    import lightgbm

    return lightgbm.callback.CallbackEnv(lightgbm.CVBooster(), {}, 0, 0, 9, [])
