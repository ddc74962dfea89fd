"""What schedules of the learning rate are worth: small trainings of torch with made-up data.

    python -m tests.benchmarks.trainings --cache build/trainings --page docs/trainings.md

prints the tables and writes them into that page. `train` gives the curves of one training.
"""

from .training import train as train
