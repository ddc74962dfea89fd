"""One of two workers of XGBoost: each has half of the rows, the metric is that of all."""

import json
import sys

import numpy as np
import xgboost

from plateau import Haar, ThresholdDetector
from plateau_boosting import XGBoostStop

if __name__ == "__main__":
    with xgboost.collective.CommunicatorContext(**json.loads(sys.argv[1])):
        rank = xgboost.collective.get_rank()
        rng = np.random.default_rng(rank)
        x = rng.normal(size=(200, 4))
        y = x @ [1.0, -2.0, 0.5, 0.0] + 0.5 * rng.normal(size=200)
        training, held_out = xgboost.DMatrix(x[:150], y[:150]), xgboost.DMatrix(x[150:], y[150:])
        stop = XGBoostStop(ThresholdDetector(Haar(window=8), threshold=0.002, patience=6))
        booster = xgboost.train(
            {"eta": 0.2, "max_depth": 2, "nthread": 1, "tree_method": "hist"},
            training,
            200,
            evals=[(held_out, "held_out")],
            verbose_eval=False,
            callbacks=[stop],
        )
        print(f"rank {rank}: {booster.num_boosted_rounds()} {booster.best_iteration}", flush=True)
