"""Faces drawn from parameters: identities without end, for trying things without any data.

An identity is a vector of proportions and colours; an image of it adds pose, expression, light and
noise. What the network has to learn is what it has to learn of real faces: to tell the first from
the second.
"""

import numpy as np
from numpy.typing import NDArray

from plateau_face.data.faces import Pixels

Plane = NDArray[np.float32]

SKIN = np.array([[0.96, 0.80, 0.69], [0.36, 0.22, 0.15]])
"""Lightest and darkest."""
HAIR = np.array([[0.85, 0.70, 0.40], [0.45, 0.22, 0.10], [0.08, 0.06, 0.05], [0.6, 0.6, 0.6]])


class SyntheticFaces:
    """Images of a fixed number of identities.

    The image at an index depends on nothing but the arguments and the index.

    Parameters
    ----------
    identities, images : int
        Number of identities, and of images of each.
    size : int
        Side of the images.
    seed : int, default 0
    first : int, default 0
        Number of the first identity: sets that do not overlap here have no identity in common.
    tail : float, default 0.0
        Exponent of a long tail: the k-th identity has ``images / k**tail`` images, at least one.
    """

    def __init__(
        self,
        identities: int,
        images: int,
        size: int,
        seed: int = 0,
        first: int = 0,
        tail: float = 0.0,
    ) -> None:
        counts = np.maximum(images / np.arange(1, identities + 1) ** tail, 1).astype(np.int64)
        self.labels = np.repeat(np.arange(identities, dtype=np.int64), counts)
        self.classes = identities
        self._begins = np.cumsum(counts) - counts
        self.size, self.seed, self.first = size, seed, first

    def read(self, index: int) -> Pixels:
        """Draw an image."""
        identity = int(self.labels[index])
        image = index - int(self._begins[identity])
        person = np.random.default_rng([self.seed, self.first + identity])
        moment = np.random.default_rng([self.seed, self.first + identity, image, 1])
        return draw(person, moment, self.size)


class KeptFaces:
    """Drawn faces in memory: each is drawn when it is first asked for, and then kept.

    Parameters
    ----------
    faces : SyntheticFaces
    """

    def __init__(self, faces: SyntheticFaces) -> None:
        self.labels, self.classes, self._faces = faces.labels, faces.classes, faces
        count, size = len(faces.labels), faces.size
        self._pixels = np.empty((count, size, size, 3), dtype=np.uint8)
        self._drawn = np.zeros(count, dtype=np.bool_)

    def read(self, index: int) -> Pixels:
        """Return an image."""
        if not self._drawn[index]:  # two threads may draw the same at once, and then it is the same
            self._pixels[index] = self._faces.read(index)
            self._drawn[index] = True
        pixels: Pixels = self._pixels[index]
        return pixels


def draw(person: np.random.Generator, moment: np.random.Generator, size: int) -> Pixels:
    """Draw one image: who it is comes from `person`, everything else from `moment`."""
    x, y = _turned_grid(moment, size)
    canvas = np.empty((size, size, 3), dtype=np.float32)
    canvas[:] = moment.uniform(0.1, 0.9, 3)  # background
    skin = _mix(SKIN, person.uniform()) * person.uniform(0.92, 1.08, 3)
    hair = HAIR[person.integers(len(HAIR))] * person.uniform(0.7, 1.3)
    width, height = person.uniform(0.52, 0.72), person.uniform(0.72, 0.92)

    _paint(canvas, hair, _ellipse(x, y + 0.12, width * person.uniform(1.02, 1.25), height))
    _paint(canvas, skin, _ellipse(x, y, width, height, person.uniform(1.7, 3.0)))
    hairline = person.uniform(0.5, 0.8) * height
    slant = person.uniform(-0.25, 0.25)
    _paint(canvas, hair, _ellipse(x, y, width, height) * _step(-y - hairline - slant * x))

    _eyes(canvas, x, y, person, moment, hair)
    _nose(canvas, x, y, person, skin)
    _mouth(canvas, x, y, person, moment, skin)
    if person.uniform() < 0.3:
        beard = _ellipse(x, y - 0.55, width * 0.8, 0.38) * _ellipse(x, y, width, height)
        _paint(canvas, hair, person.uniform(0.3, 0.8) * beard)
    return _exposed(canvas, moment)


def _turned_grid(moment: np.random.Generator, size: int) -> tuple[Plane, Plane]:
    """Return coordinates in the face, −1 … 1 over the image, y downwards, for a random pose."""
    line = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    roll, scale = moment.normal(0, 0.1), moment.normal(1.0, 0.05)
    across, down = moment.normal(0, 0.04, 2)
    yaw, nod = moment.normal(0, 0.3), moment.normal(0, 0.1)
    turned_x = (np.cos(roll) * x + np.sin(roll) * y) * scale + across
    turned_y = (np.cos(roll) * y - np.sin(roll) * x) * scale + down
    # A turned head: its middle, which is nearest, moves sideways and the far side narrows.
    depth = np.sqrt(np.clip(1 - turned_x**2 - 0.5 * turned_y**2, 0, None))
    return turned_x - 0.35 * yaw * depth, turned_y - 0.35 * nod * depth


def _eyes(
    canvas: Plane,
    x: Plane,
    y: Plane,
    person: np.random.Generator,
    moment: np.random.Generator,
    hair: NDArray[np.float64],
) -> None:
    apart, level = person.uniform(0.22, 0.34), person.uniform(-0.22, -0.08)
    width, height = person.uniform(0.09, 0.15), person.uniform(0.04, 0.08)
    iris, pupil = person.uniform(0.05, 0.6, 3), person.uniform(0.035, 0.06)
    brow, thick = person.uniform(0.10, 0.2), person.uniform(0.015, 0.045)
    arch, long = person.uniform(-0.4, 0.4), person.uniform(0.9, 1.5)
    open_wide, gaze = moment.uniform(0.5, 1.1), moment.normal(0, 0.02)
    for side in (-1, 1):
        dx, dy = x - side * apart, y - level
        eye = _ellipse(dx, dy, width, height * open_wide)
        _paint(canvas, np.array([0.95, 0.95, 0.95]), eye)
        _paint(canvas, iris, _ellipse(dx - gaze, dy, pupil, pupil) * eye)
        bent = dy + brow + side * arch * dx
        _paint(canvas, hair * 0.7, _ellipse(dx, bent, width * long, thick))


def _nose(
    canvas: Plane, x: Plane, y: Plane, person: np.random.Generator, skin: NDArray[np.float64]
) -> None:
    long, wide = person.uniform(0.12, 0.30), person.uniform(0.06, 0.14)
    _paint(canvas, skin * 1.08, 0.7 * _ellipse(x, y, wide * 0.4, long))
    for side in (-1, 1):
        _paint(
            canvas, skin * 0.6, 0.8 * _ellipse(x - side * wide * 0.7, y - long, wide * 0.5, 0.03)
        )


def _mouth(
    canvas: Plane,
    x: Plane,
    y: Plane,
    person: np.random.Generator,
    moment: np.random.Generator,
    skin: NDArray[np.float64],
) -> None:
    level, width = person.uniform(0.38, 0.56), person.uniform(0.16, 0.32)
    lip, red = person.uniform(0.03, 0.08), person.uniform(0.0, 0.5)
    smile, gape = moment.normal(0.2, 0.4), abs(moment.normal(0, 0.03))
    bent = y - level + smile * x**2
    colour = skin * np.array([1.0 - 0.2 * red, 0.7 - 0.4 * red, 0.7 - 0.3 * red])
    _paint(canvas, colour, _ellipse(x, bent, width, lip + gape))
    _paint(canvas, np.array([0.2, 0.05, 0.05]), _ellipse(x, bent, width * 0.8, 0.008 + gape))


def _exposed(canvas: Plane, moment: np.random.Generator) -> Pixels:
    """Light from a side, an exposure, a tint, and the camera's noise."""
    size = len(canvas)
    line = np.linspace(-1, 1, size, dtype=np.float32)
    across, down = moment.normal(0, 0.2, 2)
    light = 1 + across * line[None, :] + down * line[:, None]
    canvas *= np.clip(light, 0.2, 1.8)[:, :, None] * np.exp(moment.normal(0, 0.2))
    canvas *= moment.normal(1, 0.04, 3).astype(np.float32)
    noise = moment.standard_normal(canvas.shape, dtype=np.float32)
    canvas += moment.uniform(0.01, 0.05) * noise
    return (np.clip(canvas, 0, 1) * 255).round().astype(np.uint8)


def _mix(ends: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    mixed: NDArray[np.float64] = ends[0] * (1 - share) + ends[1] * share
    return mixed


def _ellipse(x: Plane, y: Plane, width: float, height: float, power: float = 2.0) -> Plane:
    """Return 1 within, 0 without, and between over about a pixel; a higher power squares it."""
    radius = (np.abs(x / width) ** power + np.abs(y / height) ** power) ** (1 / power)
    return _step((1 - radius) * min(width, height))


def _step(distance: Plane) -> Plane:
    step: Plane = np.clip(distance * 25 + 0.5, 0, 1)
    return step


def _paint(canvas: Plane, colour: NDArray[np.float64], mask: Plane) -> None:
    canvas += mask[:, :, None] * (colour.astype(np.float32) - canvas)
