"""Several sets as one, and a part of a set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plateau_face.data.faces import Faces, Pixels


class JoinedFaces:
    """The images of several sets one after the other; each set has identities of its own.

    Parameters
    ----------
    sets : sequence of Faces
    """

    def __init__(self, sets: Sequence[Faces]) -> None:
        self._sets = sets
        self._ends = np.cumsum([len(faces.labels) for faces in sets])
        firsts = np.cumsum([0, *(faces.classes for faces in sets)])
        self.classes = int(firsts[-1])
        self.labels: NDArray[np.int64] = np.concatenate(
            [faces.labels + first for faces, first in zip(sets, firsts, strict=False)]
        )

    def read(self, index: int) -> Pixels:
        """Return an image, from any thread."""
        which = int(np.searchsorted(self._ends, index, side="right"))
        before = int(self._ends[which - 1]) if which else 0
        return self._sets[which].read(index - before)


class SomeFaces:
    """Some images of a set, whose identities are numbered anew.

    Parameters
    ----------
    faces : Faces
    indices : shape (images,)
    """

    def __init__(self, faces: Faces, indices: NDArray[np.int64]) -> None:
        self._faces, self._indices = faces, indices
        identities, labels = np.unique(faces.labels[indices], return_inverse=True)
        self.labels = labels.astype(np.int64)
        self.classes = len(identities)

    def read(self, index: int) -> Pixels:
        """Return an image, from any thread."""
        return self._faces.read(int(self._indices[index]))


def with_images(faces: Faces, least: int, name: str) -> Faces:
    """Return a set without the identities that have fewer images; `name` is for the error.

    Raises
    ------
    ValueError
        If none has as many.
    """
    enough = np.bincount(faces.labels, minlength=faces.classes)[faces.labels] >= least
    if not enough.any():
        raise ValueError(f"{name}: no identity has {least} images")
    return faces if enough.all() else SomeFaces(faces, np.flatnonzero(enough))
