"""Draw the pictures of the page on Python: ``python docs/pictures/make_plots.py``."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import plateau
from plateau.showing.plots import write_figure

HERE = Path(__file__).parent


def main() -> None:
    at = np.arange(1500)
    loss = 0.5 + 2 * np.exp(-at / 150) + 0.05 * np.random.default_rng(1).normal(size=1500)
    detector = plateau.Detector()
    detector.update_many(loss)
    for name, drawn in (
        ("plot-series", plateau.plot(loss)),
        ("plot-detector", plateau.plot(detector)),
    ):
        write_figure(drawn.figure, HERE / f"{name}.svg")
        plt.close(drawn.figure)


if __name__ == "__main__":
    main()
