"""Small trainings by each boosting library, in the clothes of `trainings`.

Trees learn from three quarters of the rows. The metric is that of the others, by the library
itself; or, where the rows add a NaN, one of one's own with what the batch of the round adds.
"""

import json
from itertools import cycle, islice

import numpy as np
import pytest
from trainings import BATCH, BATCHES, Batches, Run

HELD_OUT = BATCH * BATCHES // 4


def split(data):
    """The inputs and targets to learn from, and those that are held out."""
    x, y = data[:, :3], data[:, 3]
    return (x[:-HELD_OUT], y[:-HELD_OUT]), (x[-HELD_OUT:], y[-HELD_OUT:])


class Own:
    """The mean square error and, of what is held out, what the batch of the round adds."""

    def __init__(self, data, rounds):
        self.added = islice(cycle(batch[:, 4].mean() for batch in Batches(data)), rounds, None)

    def __call__(self, predicted, target):
        error = float(np.mean((np.asarray(predicted) - target) ** 2))
        return error + float(next(self.added)) if len(target) == HELD_OUT else error


def own_metric(data, rounds):
    """The metric of one's own if the rows need one."""
    return Own(data, rounds or 0) if np.isnan(data).any() else None


class XGBoost:
    package = "xgboost"

    def __init__(self, folder, detector, *, stop=True, alerts=None):
        from plateau_boosting import XGBoostStop

        self.file = folder / "booster.json"
        self.callback = XGBoostStop(detector, alerts=alerts)

    def train(self, data, epochs, *, save_at=None, resume_at=None):
        """Train; end behind a round and save the booster, or go on from it."""
        import xgboost

        training, held_out = (xgboost.DMatrix(*part) for part in split(data))
        log, own = {}, own_metric(data, resume_at)
        booster = xgboost.train(
            {"eta": 0.2, "max_depth": 2, "nthread": 1},
            training,
            (save_at or epochs * BATCHES) - (resume_at or 0),
            evals=[(held_out, "held_out")],
            custom_metric=own and (lambda p, d: ("own", own(p, d.get_label()))),
            evals_result=log,
            verbose_eval=False,
            callbacks=[self.callback],
            xgb_model=str(self.file) if resume_at else None,
        )
        if save_at:
            booster.save_model(self.file)
        self.best = booster.best_iteration
        return Run(log["held_out"]["own" if own else "rmse"], [])


class LightGBM:
    package = "lightgbm"

    def __init__(self, folder, detector, *, stop=True, alerts=None):
        from plateau_boosting import LightGBMStop

        self.file, self.state = folder / "booster.txt", folder / "state.json"
        self.made = lambda **which: LightGBMStop(detector, alerts=alerts, **which)

    def train(self, data, epochs, *, save_at=None, resume_at=None):
        import lightgbm

        rows, held_out = split(data)
        training = lightgbm.Dataset(*rows, free_raw_data=False)
        log, own = {}, own_metric(data, resume_at)
        callback = self.made(metric="own") if own else self.made()
        if resume_at:
            callback.load_state_dict(json.loads(self.state.read_text()))
        booster = lightgbm.train(
            {
                "learning_rate": 0.2,
                "num_leaves": 4,
                "verbose": -1,
                "metric": "l2",
                "num_threads": 1,
            },
            training,
            (save_at or epochs * BATCHES) - (resume_at or 0),
            valid_sets=[training, lightgbm.Dataset(*held_out, reference=training)],
            valid_names=["training", "held_out"],
            feval=own and (lambda p, d: ("own", own(p, d.get_label()), False)),
            callbacks=[lightgbm.record_evaluation(log), callback],
            init_model=self.file if resume_at else None,
        )
        if save_at:
            booster.save_model(self.file, num_iteration=-1)
            self.state.write_text(json.dumps(callback.state_dict()))
        self.best = booster.best_iteration - 1  # it counts from 1
        return Run(log["held_out"]["own" if own else "l2"], [])


class CatBoost:
    package = "catboost"

    def __init__(self, folder, detector, *, stop=True, alerts=None):
        from plateau_boosting import CatBoostStop

        self.file, self.state = folder / "model", folder / "state.json"
        self.callback = CatBoostStop(detector, alerts=alerts)
        self.own = {}

    def train(self, data, epochs, *, save_at=None, resume_at=None):
        import catboost

        if np.isnan(data).any():
            pytest.skip("CatBoost itself refuses a metric that is NaN")
        training, held_out = split(data)
        before = None
        if resume_at:
            before = catboost.CatBoostRegressor().load_model(self.file)
            self.callback.load_state_dict(json.loads(self.state.read_text()))
        model = catboost.CatBoostRegressor(
            iterations=(save_at or epochs * BATCHES) - (resume_at or 0),
            learning_rate=0.5,
            depth=3,
            boosting_type="Plain",
            bootstrap_type="No",
            random_strength=0,
            use_best_model=not save_at,  # to go on takes all trees
            thread_count=1,
            allow_writing_files=False,
            verbose=False,
            **self.own,
        )
        model.fit(*training, eval_set=held_out, callbacks=[self.callback], init_model=before)
        if save_at:
            model.save_model(self.file)
            self.state.write_text(json.dumps(self.callback.state_dict()))
        self.best = model.tree_count_ - 1  # it keeps the trees up to the best
        return Run(model.evals_result_["validation"]["RMSE"], [])


BOOSTERS = {"xgboost": XGBoost, "lightgbm": LightGBM, "catboost": CatBoost}
