"""Doctests of an adapter whose framework is absent are left out."""

from importlib.util import find_spec

NEEDED = {
    "plateau_lightning": "lightning",
    "plateau_streams/by_kafka.py": "quixstreams",
    "plateau_streams/by_redis.py": "redis",
    "plateau_keras": "keras",
    "plateau_river": "river",
    "plateau_sweeps/by_optuna.py": "optuna",
    "plateau_sweeps/by_ray.py": "ray",
    "plateau_transformers": "transformers",
    "plateau_boosting/by_catboost.py": "catboost",
    "plateau_boosting/by_lightgbm.py": "lightgbm",
    "plateau_boosting/by_xgboost.py": "xgboost",
}

collect_ignore = [path for path, package in NEEDED.items() if find_spec(package) is None]
