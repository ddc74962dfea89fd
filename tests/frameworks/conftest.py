# Programs; without their framework they cannot even be looked at.
collect_ignore = [
    "accelerate_worker.py",
    "lightning_worker.py",
    "transformers_worker.py",
    "xgboost_worker.py",
]
