"""Peers that say themselves when a stream is flat, one sample at a time."""

import math


class ReduceOnPlateau:
    """torch's ReduceLROnPlateau: flat from a reduction to the next best value.

    It began at the best value, after which nothing better came.
    """

    def __init__(self, mode, patience):
        import torch

        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        mode = "min" if mode == "both" else mode
        self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode, patience=patience
        )
        self.in_plateau, self.onset, self.count = False, 0, 0

    def update(self, x):
        best = self.scheduler.best
        self.scheduler.step(x)
        if self.scheduler.best != best:
            self.in_plateau, self.onset = False, self.count
        elif self.scheduler.num_bad_epochs == 0:
            self.in_plateau = True
        self.count += 1


class CaoRhinehart:
    """Ratio of two estimates of the variance (Cao and Rhinehart 1995, J. Process Control 5, 363).

    Steady at R <= ACCEPT, transient at R >= REJECT, else as before; factors 0.2, 0.1, 0.1. The
    onset is the sample at which it is declared: the method has no other.
    """

    ACCEPT, REJECT = 1.0, 2.0
    LEVEL, ABOUT, STEP = 0.2, 0.1, 0.1

    def __init__(self):
        self.in_plateau, self.onset, self.count = False, 0, 0
        self.level = self.last = math.nan
        self.about = self.step = 0.0

    def update(self, x):
        if self.count:
            self.about += self.ABOUT * ((x - self.level) ** 2 - self.about)
            self.step += self.STEP * ((x - self.last) ** 2 - self.step)
            self.level += self.LEVEL * (x - self.level)
        else:
            self.level = x
        self.last = x
        ratio = (2 - self.LEVEL) * self.about
        if self.count > 1 / self.STEP:
            if not self.in_plateau and ratio <= self.ACCEPT * self.step:
                self.in_plateau, self.onset = True, self.count
            elif ratio >= self.REJECT * self.step:
                self.in_plateau = False
        self.count += 1


class Patience:
    """Flat once so many samples in a row brought no new best, until one does.

    A new best is better by more than a share of what was gained since the first sample. The plateau
    began at the last best.
    """

    def __init__(self, mode, patience, share=0.0):
        self.sign = -1.0 if mode == "max" else 1.0
        self.patience, self.share = patience, share
        self.in_plateau, self.onset, self.count = False, 0, 0
        self.first = self.best = math.nan

    def update(self, x):
        x *= self.sign
        if not self.count:
            self.first = self.best = x
        elif x < self.best - self.share * (self.first - self.best):
            self.best, self.onset = x, self.count
        self.in_plateau = self.count - self.onset >= self.patience
        self.count += 1


class EarlyStopping(Patience):
    """Keras' EarlyStopping with its defaults, `patience` 0 and `min_delta` 0.

    It stops at the first value that is no new best. The plateau lasts to the end: nothing is run
    behind it.
    """

    def __init__(self, mode):
        super().__init__(mode, patience=1)

    def update(self, x):
        if not self.in_plateau:
            super().update(x)
