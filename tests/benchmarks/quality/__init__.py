"""How well plateaus are found: labelled series, change points, made streams and real logs.

    PLATEAU_DATA=FOLDER python -m tests.benchmarks.quality

prints and writes the tables; `evaluate` gives the figures of one detector.
"""

from .evaluate import evaluate as evaluate
from .evaluate import evaluate_function as evaluate_function
