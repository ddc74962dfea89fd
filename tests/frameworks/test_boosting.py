"""Boosting stops where a stopper says, and knows its best iteration."""

import json

import numpy as np
import pytest

from plateau import Haar, Stopper, ThresholdDetector, find_plateaus
from plateau.alerts import Alerts

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


class Own:
    """The mean square error as a metric of one's own, NaN at some evaluations of the held-out."""

    def __init__(self, bad):
        self.bad, self.evaluations = bad, 0

    def __call__(self, predicted, target):
        value = float(np.mean((np.asarray(predicted) - np.asarray(target)) ** 2))
        if len(target) != 100:  # of the training set
            return value
        self.evaluations += 1
        return float("nan") if self.evaluations - 1 in self.bad else value


class XGBoost:
    package = "xgboost"

    def trained(self, rounds=ROUNDS, before=None, bad=(), alerts=None):
        """The metrics of this training, and the booster."""
        import xgboost

        from plateau_boosting import XGBoostStop

        training, validation = (xgboost.DMatrix(x, y) for x, y in data())
        log, own = {}, Own(bad)
        self.stop = XGBoostStop(FLAT.clone(), alerts=alerts)
        booster = xgboost.train(
            {"eta": 0.2, "max_depth": 2, "nthread": 1},
            training,
            rounds,
            evals=[(validation, "held_out")],
            custom_metric=(lambda p, d: ("own", own(p, d.get_label()))) if bad else None,
            evals_result=log,
            verbose_eval=False,
            callbacks=[self.stop],
            xgb_model=before,
        )
        return log["held_out"]["own" if bad else "rmse"], booster

    def best(self, booster):
        return booster.best_iteration

    def kept(self, booster, folder):
        booster.save_model(folder / "booster.json")
        return str(folder / "booster.json")


class LightGBM:
    package = "lightgbm"

    def trained(self, rounds=ROUNDS, before=None, bad=(), alerts=None):
        import lightgbm

        from plateau_boosting import LightGBMStop

        (x, y), held_out = data()
        training = lightgbm.Dataset(x, y, free_raw_data=False)
        log, own, metric = {}, Own(bad), "own" if bad else "l2"
        self.stop = LightGBMStop(FLAT.clone(), metric=metric, alerts=alerts)
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
            feval=(lambda p, d: ("own", own(p, d.get_label()), False)) if bad else None,
            callbacks=[lightgbm.record_evaluation(log), self.stop],
            init_model=None if before is None else before[0],
        )
        return log["held_out"][metric], booster

    def best(self, booster):
        return booster.best_iteration - 1  # it counts from 1

    def kept(self, booster, folder):
        booster.save_model(folder / "booster.txt", num_iteration=-1)
        return str(folder / "booster.txt"), json.dumps(self.stop.state_dict())


class CatBoost:
    package = "catboost"

    def trained(self, rounds=ROUNDS, before=None, alerts=None, **arguments):
        import catboost

        from plateau_boosting import CatBoostStop

        training, held_out = data()
        self.stop = CatBoostStop(FLAT.clone(), alerts=alerts)
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
    assert find_plateaus(values, FLAT)[0].declared == len(values) - 1
    assert boosting.best(booster) == stopper.best_step


def test_a_value_that_is_nan_is_left_out_and_counted(boosting):
    if boosting.package == "catboost":
        pytest.skip("CatBoost itself refuses a metric that is NaN")
    values, _ = boosting.trained(bad=[3, 17])
    assert np.flatnonzero(np.isnan(values)).tolist() == [3, 17]
    _, stops = stopped(values)
    assert stops.index(True) == len(values) - 1 < ROUNDS - 1
    assert boosting.stop.stopper.detector.skipped == 2


def test_alerts_are_told_of_the_stop(boosting):
    class Kept:
        sent = ()

        def send(self, title, text):
            self.sent += ((title, text),)

    kept = Kept()
    boosting.trained(alerts=Alerts(kept))
    assert kept.sent == (("stopped", boosting.stop.stopper.reason),)


def test_cross_validation_of_xgboost_stops_at_the_mean_of_the_folds():
    xgboost = pytest.importorskip("xgboost")
    from plateau_boosting import XGBoostStop

    def means(*callbacks):
        parameters = {"eta": 0.2, "max_depth": 2, "nthread": 1}
        return xgboost.cv(
            parameters,
            xgboost.DMatrix(*data()[0]),
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
            lightgbm.Dataset(*data()[0]),
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
        with pytest.raises(ValueError, match="which way Own is better: give a detector"):
            plateau_boosting.CatBoostStop()._begin("Own")
    else:
        with pytest.raises(ValueError, match="finds no auc of a set that is not for training"):
            plateau_boosting.LightGBMStop(metric="auc")._chosen(_environment(), [])


def _environment():
    import lightgbm

    return lightgbm.callback.CallbackEnv(lightgbm.CVBooster(), {}, 0, 0, 9, [])
