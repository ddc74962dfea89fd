# Programs; without their framework they cannot even be looked at.
collect_ignore = [
    f"{name}_worker.py" for name in ("accelerate", "keras", "lightning", "transformers", "xgboost")
]
