collect_ignore = ["lightning_worker.py"]  # a program; without Lightning it cannot even be looked at
