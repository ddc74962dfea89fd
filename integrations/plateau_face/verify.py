"""Verification: whether two images show the same person.

The protocol of LFW, CFP-FP and AgeDB-30 as insightface measures it, so that figures compare.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from plateau_face.data.augment import normalised
from plateau_face.data.faces import Pixels
from plateau_face.data.pairs import FOLDS, Pairs
from plateau_face.data.sampling import read_with

Floats = NDArray[np.float64]

THRESHOLDS = np.arange(400) / 100
"""Squared distances at which a pair may be told apart: 0, 0.01 … 3.99."""


class Verified(NamedTuple):
    """What a network reaches on a verification set."""

    accuracy: float
    """Mean over the folds of the accuracy at the threshold that is best on the others."""
    deviation: float
    """Standard deviation of that over the folds."""
    tar: dict[float, float]
    """Share of same pairs that are accepted where a given share of different pairs is."""
    curve: tuple[Floats, Floats]
    """False- and true-accept rates at every threshold: see `roc`."""


def verify(
    model: nn.Module, pairs: Pairs, size: int, *, batch: int = 256, threads: int = 4
) -> Verified:
    """Measure a network on a verification set."""
    raw = embed(model, pairs.read, pairs.images, size, batch=batch, threads=threads)
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return score(squared_distances(unit, pairs), pairs.same)


def embed(
    model: nn.Module,
    read: Callable[[int], Pixels],
    images: int,
    size: int,
    *,
    batch: int = 256,
    threads: int = 4,
) -> Floats:
    """Return the embedding of each image added to that of its mirror image, shape (images, dim).

    Raises
    ------
    ValueError
        If one is not finite or zero: such a network compares nothing.
    """
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    was_training = model.training
    model.eval()
    parts: list[Tensor] = []
    with ThreadPoolExecutor(threads) as pool, torch.inference_mode():
        for first in range(0, images, batch):
            indices = np.arange(first, min(first + batch, images))
            read_images = [image.result() for image in read_with(pool, read, indices, size)]
            x = normalised(torch.from_numpy(np.stack(read_images)).to(device))
            parts.append((model(x) + model(x.flip(3))).double().cpu())
    model.train(was_training)
    embeddings: Floats = torch.cat(parts).numpy()
    if not (np.isfinite(embeddings).all() and embeddings.any(axis=1).all()):
        raise ValueError("the network gives embeddings that are zero or not finite")
    return embeddings


def squared_distances(unit: Floats, pairs: Pairs) -> Floats:
    """Return ‖a − b‖², from 0 to 4, of each pair, shape (pairs,)."""
    distances: Floats = np.square(unit[pairs.first] - unit[pairs.second]).sum(axis=1)
    return distances


FARS = (1e-2, 1e-3)
"""False-accept rates at which the true-accept rate is reported."""
LOWEST_FAR = 1e-4
"""Told too where there are different pairs enough that one of them alone is no more than that."""


def score(distances: Floats, same: NDArray[np.bool_]) -> Verified:
    """Return accuracy and true-accept rates from the squared distances of the pairs."""
    each = fold_accuracies(distances, same)
    fars = FARS if LOWEST_FAR * (~same).sum() < 1 else (*FARS, LOWEST_FAR)
    rates = {far: tar_at_far(-distances, same, far) for far in fars}
    _, fars_of_all, tars_of_all = roc(-distances, same)
    return Verified(float(each.mean()), float(each.std()), rates, (fars_of_all, tars_of_all))


def fold_accuracies(distances: Floats, same: NDArray[np.bool_], folds: int = FOLDS) -> Floats:
    """Return the accuracy of each fold, at the threshold that is best on the other folds.

    Folds are cut from the pairs as they come; of equally good thresholds the lowest is taken.
    """
    if len(same) < folds:
        raise ValueError(f"{folds} folds need as many pairs, there are {len(same)}")
    right = (distances[:, None] < THRESHOLDS) == same[:, None]  # (pairs, thresholds)
    parts = np.array_split(np.arange(len(same)), folds)
    total = right.sum(axis=0)
    accuracies = []
    for part in parts:
        here = right[part].sum(axis=0)
        best = int(np.argmax(total - here))
        accuracies.append(here[best] / len(part))
    return np.array(accuracies)


def roc(scores: Floats, same: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Return thresholds, falling, and the false- and true-accept rates at them.

    A pair is accepted if its score is at least the threshold. The first point accepts none.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, answers = scores[order], same[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # of equal scores
    accepted, true = last + 1, np.cumsum(answers)[last]
    far = np.append(0.0, (accepted - true) / max((~same).sum(), 1))
    tar = np.append(0.0, true / max(same.sum(), 1))
    return np.append(np.inf, ranked[last]), far, tar


def tar_at_far(scores: Floats, same: NDArray[np.bool_], far: float) -> float:
    """Return the highest true-accept rate with a false-accept rate of at most `far`."""
    _, fars, tars = roc(scores, same)
    return float(tars[fars <= far][-1])
