# Programs; without their framework they cannot even be looked at.
collect_ignore_glob = ["*_worker.py"]
