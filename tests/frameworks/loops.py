"""Loops of one's own that give their losses to what stops, in the clothes of `trainings`.

The linear model is trained without a framework, so that the losses are known beforehand.
"""

import json
import pickle

import numpy as np
from trainings import BATCH, LR, Batches, Run


def descent(data, epochs):
    """The loss of each step."""
    weight, losses = np.zeros(3), []
    for _ in range(epochs):
        for batch in Batches(data.astype(float)):
            x, error = batch[:, :3], batch[:, :3] @ weight - batch[:, 3]
            losses.append(float(np.mean(error**2) + batch[:, 4].mean()))
            weight -= LR * 2 * x.T @ error / BATCH
    return losses


class Loop:
    """What makes, saves and loads `made` is that of each framework."""

    def __init__(self, folder, detector, *, stop=True, alerts=None):
        self.file = folder / "state"
        self.begin(detector, alerts)

    def train(self, data, epochs, *, save_at=None, resume_at=None):
        """Train; save a state behind a step, or go on from it."""
        run, begun = Run([], []), resume_at or 0
        if resume_at:
            self.load()
        for step, loss in enumerate(descent(data, epochs)[begun:], begun):
            run.losses.append(loss)
            stop = self.stops(step, loss)
            if save_at == step + 1:
                self.save()
            if stop:
                break
        return run

    def save(self):
        self.file.write_bytes(pickle.dumps(self.made))

    def load(self):
        self.made = pickle.loads(self.file.read_bytes())


class Optuna(Loop):
    package = "optuna"

    def begin(self, detector, alerts):
        import optuna

        from plateau_sweeps import PlateauStop

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        trial = optuna.create_study().ask()
        self.made = PlateauStop(trial, detector.clone(), alerts=alerts)

    def stops(self, step, loss):
        return self.made.step(loss)

    def save(self):
        self.file.write_text(json.dumps(self.made.state_dict()))

    def load(self):
        self.made.load_state_dict(json.loads(self.file.read_text()))


class Ray(Loop):
    """As Ray asks it; whole sweeps are in `test_ray`, as a cluster takes long to begin."""

    package = "ray.tune"

    def begin(self, detector, alerts):
        from plateau_sweeps import TuneStop

        self.made = TuneStop("loss", detector=detector, alerts=alerts)

    def stops(self, step, loss):
        return self.made("7", {"loss": loss, "training_iteration": step + 1})


class River(Loop):
    """A loop that ends where a plateau is the drift."""

    package = "river"

    def begin(self, detector, alerts):
        from plateau_river import PlateauDrift

        self.made = PlateauDrift(detector, drift="plateau")

    def stops(self, step, loss):
        self.made.update(loss)
        return self.made.drift_detected


LOOPS = {"optuna": Optuna, "ray": Ray, "river": River}
