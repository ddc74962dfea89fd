"""Boosting stops where a stopper says, and knows its best iteration."""

import json

import numpy as np
import pytest

from plateau import Haar, Stopper, ThresholdDetector

pytestmark = pytest.mark.filterwarnings("ignore")  # what they warn about each other is theirs

FLAT = ThresholdDetector(Haar(window=8), threshold=0.002, patience=6)
ROUNDS = 200


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4))
    y = x @ [1.0, -2.0, 0.5, 0.0] + 0.5 * rng.normal(size=400)
    return (x[:300], y[:300]), (x[300:], y[300:])


def stopped(values):
    """What a stopper makes of all values."""
    stopper = Stopper(FLAT.clone())
    return stopper, [stopper.step(value) for value in values]


class XGBoost:
    package = "xgboost"

    def trained(self, rounds=ROUNDS, before=None):
        """The metrics of this training, and the booster."""
        import xgboost

        from plateau_boosting import XGBoostStop

        training, validation = (xgboost.DMatrix(x, y) for x, y in data())
        log = {}
        booster = xgboost.train(
            {"eta": 0.2, "max_depth": 2, "nthread": 1},
            training,
            rounds,
            evals=[(validation, "held_out")],
            evals_result=log,
            verbose_eval=False,
            callbacks=[XGBoostStop(FLAT.clone())],
            xgb_model=before,
        )
        return log["held_out"]["rmse"], booster

    def best(self, booster):
        return booster.best_iteration

    def kept(self, booster, folder):
        booster.save_model(folder / "booster.json")
        return str(folder / "booster.json")


class LightGBM:
    package = "lightgbm"

    def trained(self, rounds=ROUNDS, before=None):
        import lightgbm

        from plateau_boosting import LightGBMStop

        (x, y), held_out = data()
        training = lightgbm.Dataset(x, y, free_raw_data=False)
        log = {}
        self.stop = LightGBMStop(FLAT.clone())
        if before is not None:
            self.stop.load_state_dict(json.loads(before[1]))
        booster = lightgbm.train(
            {
                "learning_rate": 0.2,
                "num_leaves": 4,
                "verbose": -1,
                "metric": "l2",
                "num_threads": 1,
            },
            training,
            rounds,
            valid_sets=[training, lightgbm.Dataset(*held_out, reference=training)],
            valid_names=["training", "held_out"],
            callbacks=[lightgbm.record_evaluation(log), self.stop],
            init_model=None if before is None else before[0],
        )
        return log["held_out"]["l2"], booster

    def best(self, booster):
        return booster.best_iteration - 1  # it counts from 1

    def kept(self, booster, folder):
        booster.save_model(folder / "booster.txt", num_iteration=-1)
        return str(folder / "booster.txt"), json.dumps(self.stop.state_dict())


class CatBoost:
    package = "catboost"

    def trained(self, rounds=ROUNDS, before=None, **arguments):
        import catboost

        from plateau_boosting import CatBoostStop

        training, held_out = data()
        self.stop = CatBoostStop(FLAT.clone())
        if before is not None:
            self.stop.load_state_dict(json.loads(before[1]))
        model = catboost.CatBoostRegressor(
            iterations=rounds,
            learning_rate=0.2,
            depth=2,
            boosting_type="Plain",
            bootstrap_type="No",
            random_strength=0,
            thread_count=1,
            allow_writing_files=False,
            verbose=False,
            **arguments,
        )
        model.fit(
            *training,
            eval_set=held_out,
            callbacks=[self.stop],
            init_model=None if before is None else before[0],
        )
        return model.evals_result_["validation"]["RMSE"], model

    def best(self, model):
        return model.tree_count_ - 1  # it keeps the trees up to the best

    def kept(self, model, folder):
        import catboost

        model.save_model(folder / "model")
        return catboost.CatBoostRegressor().load_model(folder / "model"), json.dumps(
            self.stop.state_dict()
        )


def test_what_is_held_between_two_evaluations_is_taken_once():
    pytest.importorskip("catboost")
    boosting = CatBoost()
    values, _ = boosting.trained(metric_period=3)
    stopper, stops = stopped(values)
    assert boosting.stop.stopper.taken == len(values)
    assert stops.index(True) == len(values) - 1 < ROUNDS // 3 - 1
    assert boosting.stop.stopper.best_step == stopper.best_step


@pytest.fixture(params=[XGBoost, LightGBM, CatBoost])
def boosting(request):
    pytest.importorskip(request.param.package)
    return request.param()


def test_it_stops_where_a_stopper_says_and_knows_the_best(boosting):
    values, booster = boosting.trained()
    stopper, stops = stopped(values)
    assert stops.index(True) == len(values) - 1 < ROUNDS - 1
    assert boosting.best(booster) == stopper.best_step


def test_it_ends_with_the_best_where_nothing_stops_it(boosting):
    values, booster = boosting.trained(rounds=6)
    assert len(values) == 6
    assert boosting.best(booster) == int(np.argmin(values))


def test_a_training_that_goes_on_stops_where_one_in_one_go_does(boosting, tmp_path):
    whole, _ = boosting.trained()
    first, booster = boosting.trained(rounds=10)
    second, again = boosting.trained(before=boosting.kept(booster, tmp_path))
    assert first + second == pytest.approx(whole, rel=1e-3)
    assert boosting.best(again) == int(np.argmin(whole))


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
    else:
        with pytest.raises(ValueError, match="finds no auc of a set that is not for training"):
            plateau_boosting.LightGBMStop(metric="auc")._chosen(_environment(), [])


def _environment():
    import lightgbm

    return lightgbm.callback.CallbackEnv(lightgbm.CVBooster(), {}, 0, 0, 9, [])
