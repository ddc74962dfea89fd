"""Small schedulers of torch, and losses that make them act."""

import io

import torch

from plateau import Haar, ThresholdDetector
from plateau_torch import PlateauLR

LOSSES = [9.0, 7.0, 5.0, 3.0] + [2.0] * 20  # fires at 10, 14, 18 and 22


def flat_detector(**settings):
    return ThresholdDetector(Haar(window=4), threshold=0.1, patience=3, **settings)


def weight():
    return torch.zeros(1, requires_grad=True)


def sgd(*rates):
    return torch.optim.SGD([{"params": [weight()], "lr": rate} for rate in rates or [0.8]])


def made(*rates, **arguments):
    return PlateauLR(sgd(*rates), flat_detector(), **arguments)


def drive(scheduler, losses=LOSSES):
    rates = []
    for loss in losses:
        scheduler.optimizer.step()
        scheduler.step(loss)
        rates.append(scheduler.get_last_lr())
    return rates


def saved(states):
    file = io.BytesIO()
    torch.save(states, file)
    return io.BytesIO(file.getvalue())
