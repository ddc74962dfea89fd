import lightgbm
import numpy as np
import xgboost

from plateau_boosting import LightGBMStop, XGBoostStop

rng = np.random.default_rng(0)
x = rng.normal(size=(2000, 5))
y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * rng.normal(size=2000)
training, held_out = (x[:1500], y[:1500]), (x[1500:], y[1500:])

booster = xgboost.train(
    {"eta": 0.1, "max_depth": 3, "nthread": 1},
    xgboost.DMatrix(*training),
    num_boost_round=3000,
    evals=[(xgboost.DMatrix(*held_out), "held_out")],
    callbacks=[XGBoostStop()],
    verbose_eval=False,
)
print(f"XGBoost: {booster.num_boosted_rounds()} trees, best {booster.best_iteration}")

data = lightgbm.Dataset(*training)
booster = lightgbm.train(
    {"learning_rate": 0.1, "num_leaves": 8, "verbose": -1, "num_threads": 1},
    data,
    num_boost_round=3000,
    valid_sets=[lightgbm.Dataset(*held_out, reference=data)],
    callbacks=[LightGBMStop()],
)
print(f"LightGBM: {booster.current_iteration()} trees, best {booster.best_iteration}")
