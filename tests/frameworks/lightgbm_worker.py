"""One of two machines of LightGBM: each has half of the rows, and the same evaluation set."""

import sys

import lightgbm
import numpy as np

from plateau import Haar, ThresholdDetector
from plateau_boosting import LightGBMStop


def rows(seed, many):
    """Noisy rows of one linear model."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(many, 4))
    return x, x @ [1.0, -2.0, 0.5, 0.0] + 0.5 * rng.normal(size=many)


if __name__ == "__main__":
    rank, *ports = map(int, sys.argv[1:])
    training = lightgbm.Dataset(*rows(rank, 150))
    booster = lightgbm.train(
        {
            "learning_rate": 0.2,
            "num_leaves": 4,
            "verbose": -1,
            "num_threads": 1,
            "tree_learner": "data",
            "pre_partition": True,
            "num_machines": 2,
            "machines": ",".join(f"127.0.0.1:{port}" for port in ports),
            "local_listen_port": ports[rank],
            "time_out": 5,
        },
        training,
        200,
        valid_sets=[lightgbm.Dataset(*rows(2, 100), reference=training)],
        callbacks=[LightGBMStop(ThresholdDetector(Haar(window=8), 0.002, patience=6))],
    )
    print(f"rank {rank}:{booster.current_iteration()} {booster.best_iteration}", flush=True)
