"""Which images make a batch: a function of seed and step, so a position is one number."""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plateau_face.data.faces import Faces, Pixels, resized
from plateau_face.data.packed import PackedFaces

AHEAD = 4
"""Batches that are read while others are trained on."""


class Batch(NamedTuple):
    """Images of one step."""

    images: Tensor
    """uint8, shape (batch, size, size, 3)."""
    labels: Tensor
    """int64, shape (batch,)."""


class Sampler:
    """Shuffles anew in each epoch; what does not fill a batch is left out until the next.

    Parameters
    ----------
    images, batch, seed : int

    Raises
    ------
    ValueError
        If there is no batch of images.
    """

    def __init__(self, images: int, batch: int, seed: int) -> None:
        if images < batch:
            raise ValueError(f"a batch of {batch} needs as many images, there are {images}")
        self.images, self.batch, self.seed = images, batch, seed
        self.steps = images // batch
        """Steps of an epoch."""
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def at(self, step: int) -> NDArray[np.int64]:
        """Return the indices of the images of a step, which counts from 0 over all epochs."""
        epoch, position = divmod(step, self.steps)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = self._shuffled(np.random.default_rng([self.seed, epoch]))
        return self._order[position * self.batch : (position + 1) * self.batch]

    def _shuffled(self, random: np.random.Generator) -> NDArray[np.int64]:
        return random.permutation(self.images)


class PairSampler(Sampler):
    """Draws two images of each identity in an epoch; they are neighbours in a batch.

    Of an identity with one image it is that image twice. Drawn by image, an identity has as many
    pairs as its images make, all different, and the last of an odd number waits for another epoch.

    Parameters
    ----------
    labels : shape (images,)
    batch : int
        Images, an even number: twice as many as identities.
    seed : int
    by_image : bool, default False

    Raises
    ------
    ValueError
        If there are not identities enough for a batch.
    """

    def __init__(
        self, labels: NDArray[np.int64], batch: int, seed: int, *, by_image: bool = False
    ) -> None:
        identities, self._counts = np.unique(labels, return_counts=True)
        if 2 * len(identities) < batch:
            raise ValueError(
                f"a batch of {batch} needs two images of {batch // 2} identities, "
                f"there are {len(identities)}"
            )
        self._pairs = np.maximum(self._counts // 2, 1) if by_image else np.ones_like(self._counts)
        super().__init__(2 * int(self._pairs.sum()), batch, seed)
        self._labels = labels

    def _shuffled(self, random: np.random.Generator) -> NDArray[np.int64]:
        within = np.lexsort((random.random(len(self._labels)), self._labels))
        place = np.cumsum(self._counts) - self._counts  # of each identity in `within`
        number = np.arange(self._pairs.sum()) - np.repeat(
            np.cumsum(self._pairs) - self._pairs, self._pairs
        )  # of a pair within its identity
        first = np.repeat(place, self._pairs) + 2 * number
        second = first + np.repeat(self._counts > 1, self._pairs)
        pairs = within[np.stack([first, second], axis=1)]
        return random.permutation(pairs).ravel()


def batches(
    faces: Faces,
    sampler: Sampler,
    size: int,
    first: int,
    stop: int,
    threads: int,
    pinned: bool = False,
) -> Generator[Batch]:
    """Yield the batches of the steps from `first` to `stop`, read ahead by threads.

    `pinned` puts the images into memory that a GPU reads without waiting.

    An image that cannot be read ends the iteration with its error: training on without it would
    hide that the data are damaged.
    """
    waiting: deque[tuple[NDArray[np.int64], Callable[[], NDArray[np.uint8]]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for step in range(first, stop + AHEAD):
                if step < stop:
                    indices = sampler.at(step)
                    waiting.append((indices, read_batch(pool, faces, indices, size)))
                if step >= first + AHEAD and waiting:
                    indices, pixels = waiting.popleft()
                    labels = torch.from_numpy(faces.labels[indices])
                    batch = Batch(torch.from_numpy(pixels()), labels)
                    yield Batch(*(part.pin_memory() for part in batch)) if pinned else batch
        finally:
            pool.shutdown(cancel_futures=True)


def read_batch(
    pool: ThreadPoolExecutor, faces: Faces, indices: NDArray[np.int64], size: int
) -> Callable[[], NDArray[np.uint8]]:
    """Have the images of a batch read, and return what waits for them."""
    if isinstance(faces, PackedFaces) and faces.size == size:
        # One copy for all of them, which is several times as fast as one for each.
        return pool.submit(faces.read_many, indices).result
    images = read_with(pool, faces.read, indices, size)
    return lambda: np.stack([image.result() for image in images])


def read_with(
    pool: ThreadPoolExecutor, read: Callable[[int], Pixels], indices: NDArray[np.int64], size: int
) -> list[Future[Pixels]]:
    """Have images read and resized."""
    return [pool.submit(lambda i: resized(read(i), size), int(index)) for index in indices]
