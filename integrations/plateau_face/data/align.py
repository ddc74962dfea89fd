"""Alignment: the similarity transform that brings the five points of a face to their places."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plateau_face.data.faces import Pixels

Points = NDArray[np.float64]

TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""Where eyes, tip of the nose and corners of the mouth are in an aligned image of 112 × 112."""
SIZE = 112


def similarity(source: Points, target: Points) -> Points:
    """Return the 2 × 3 matrix that brings `source` closest to `target`, turned, scaled and shifted.

    The least-squares solution, in complex numbers: target = a·source + b, with a for turn and
    scale. Points are rows (x, y), at least two of them different.
    """
    z, w = source @ [1, 1j], target @ [1, 1j]
    centred = z - z.mean()
    a = np.vdot(centred, w - w.mean()) / np.vdot(centred, centred)
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def aligned(pixels: Pixels, points: Points) -> Pixels:
    """Return the face at `points`, shape (5, 2), as an aligned image of 112 × 112."""
    matrix = similarity(points, TEMPLATE)
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    # Pillow maps the centres of pixels, half a pixel from where the points count from.
    inverse[:, 2] += 0.5 - inverse[:, :2].sum(axis=1) / 2
    image = Image.fromarray(pixels).transform(
        (SIZE, SIZE),
        Image.Transform.AFFINE,
        tuple(inverse.ravel()),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(image)
