"""Slope filters: how fast a stream moves, in its own units per sample.

Each has a level (smoothed value) and a slope, scaled so that the ramp x_t = m·t has slope m. Their
recurrences are in `plateau._recurrence`.
"""

import math
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau import _recurrence as r
from plateau import fast
from plateau._arguments import weight, whole
from plateau._kernels import EMA, HAAR, Kernels
from plateau._samples import LIMIT, Sample, as_sample, as_samples, nonfinite_error
from plateau._state import Description, Layout, Streaming


def filter_layout(
    *own: str,
    patience: int,
    rings: int = 0,
    allowed: Mapping[str, Collection[int]] = MappingProxyType({}),
) -> Layout:
    """Return the layout of a filter with these cells of its own, under a rule of this patience."""
    names = (*r.PerSample._fields, *r.Rare._fields, *own)
    counts = ("accepted", "run", *r.Rare._fields)

    def fits(cells: Mapping[str, Any]) -> Any:
        """Whether nothing is later than now, and no run longer than the patience."""
        fit = (cells["run"] <= patience) & (cells["fires"] <= cells["last_fire"])
        for name in ("run", "last_fire", "since"):
            fit &= cells[name] <= cells["accepted"]
        return fit

    return Layout(names, rings, allowed, counts, squares=(r.VARIANCE,), fits=fits)


class SlopeFilter(Streaming):
    """What all slope filters share.

    A slope filter looks back over a certain *length* of samples (for exponential averages the sum
    of their time constants). Until it has seen that many it has no slope: `update` and `response`
    return NaN for the first `warmup` samples, and only for them.
    """

    __slots__ = ()

    kernels: ClassVar[Kernels]
    """What is compiled of it."""

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Leading samples that have no slope."""

    @property
    @abstractmethod
    def delay(self) -> float:
        """Samples by which the slope lags the stream: the group delay at frequency 0."""

    @abstractmethod
    def kernels_for(self, samples: int, patience: float = math.inf) -> Kernels:
        """Return the kernels for so many samples in a row."""

    @abstractmethod
    def _constants(self) -> dict[str, float]:
        """Return the parameters that only its kernel needs."""

    @abstractmethod
    def _layout_with(self, patience: int = 0) -> Layout:
        """Return what its cells are under a rule of this patience; without one nothing is flat."""

    def make_state(
        self,
        streams: int = 1,
        *,
        sign: float = 0.0,
        threshold: float = -math.inf,
        patience: int = 0,
    ) -> NDArray[np.float64]:
        """Return a fresh state of this filter under a threshold rule; by default it never fires."""
        constants = {"alpha": 0.0, "beta": 0.0, "half": 0.0, "smooth": 0.0} | self._constants()
        params = r.Constants(
            **constants,
            warmup=self.warmup,
            delay=math.ceil(self.delay),
            memory=1.0 / (self.warmup + 1.0),
            sign=sign,
            threshold=threshold,
            patience=patience,
        )
        state = np.zeros(r.PARAMS + streams * self._layout.size)
        state[: len(params)] = params
        return state

    def _begin(self) -> None:
        self._layout = self._layout_with()
        self._keep(self.make_state())

    @classmethod
    def _from_description(cls, description: Description) -> Self:
        return cls(**{key: value for key, value in description.items() if key != "type"})

    def update(self, x: Sample) -> float:
        """Take one sample and return the slope after it.

        Parameters
        ----------
        x : float
            The sample, in metric units.

        Returns
        -------
        float
            Slope in metric units per sample; NaN for the first `warmup` samples.

        Raises
        ------
        TypeError
            If `x` is not one real number.
        ValueError
            If `x` is NaN, infinite or above 2**500 in magnitude; the state stays as it was.
        """
        sample = as_sample(x)
        if not abs(sample) <= LIMIT:
            raise nonfinite_error(np.array([sample]), 0)
        self._one(self.kernels.update, sample)
        return self.slope

    def update_many(
        self, xs: ArrayLike | Iterable[float], out: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Take samples in a row and return the slope after each, as `update` would for each.

        Parameters
        ----------
        xs : array_like, shape (n,)
            The samples, in metric units.
        out : numpy.ndarray of float64, shape (n,), optional
            Where to write the slopes: contiguous, and apart from `xs` in memory. By default a new
            array, whose memory the system may have to provide first, at several times the cost.

        Returns
        -------
        numpy.ndarray, shape (n,)
            Slopes in metric units per sample; NaN for the first `warmup` samples of the stream.

        Raises
        ------
        TypeError
            If the samples are not real numbers, or `out` is no array of float64.
        ValueError
            If there is not exactly one dimension, a sample is NaN, infinite or above 2**500 in
            magnitude, or `out` does not fit; the state stays as it was.
        """
        samples = as_samples(xs)
        slopes = np.empty_like(samples) if out is None else _checked_out(out, samples)
        kernels = self.kernels_for(len(samples))
        with self._use:
            bad = kernels.response(self._state, samples, slopes)
        if bad >= 0:
            raise nonfinite_error(samples, bad)
        return slopes

    def response(
        self, xs: ArrayLike | Iterable[float], out: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return the slopes of a whole stream; the filter's own state plays no part.

        Parameters
        ----------
        xs : array_like, shape (n,)
            The stream from its first sample on, in metric units.
        out : numpy.ndarray of float64, shape (n,), optional
            As of `update_many`.

        Returns
        -------
        numpy.ndarray, shape (n,)
            What `update` of a fresh filter would return for each sample, bit for bit.

        Raises
        ------
        TypeError, ValueError
            As `update_many`.
        """
        return self._from_description(self._describe()).update_many(xs, out)

    @property
    def count(self) -> int:
        """Samples taken."""
        return int(self._state[r.PARAMS + r.ACCEPTED])

    @property
    def level(self) -> float:
        """Smoothed value, in metric units; NaN before the first sample."""
        return float(self._state[r.PARAMS + r.LEVEL]) if self.count else math.nan

    @property
    def slope(self) -> float:
        """Slope after the last sample, in metric units per sample; NaN while there is none."""
        return float(self._state[r.PARAMS + r.SLOPE]) if self.count > self.warmup else math.nan


def _checked_out(out: NDArray[np.float64], samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `out` if the slopes of these samples can be written there."""
    if not isinstance(out, np.ndarray) or out.dtype != np.float64:
        what = f"an array of {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise TypeError(f"out must be a NumPy array of float64, not {what}")
    if out.shape != samples.shape:
        raise ValueError(f"out must have the shape {samples.shape} of the samples, not {out.shape}")
    if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
        raise ValueError("out must be contiguous, aligned and writeable")
    if np.may_share_memory(out, samples):
        raise ValueError("out must not share memory with the samples: give another array")
    return out


class EmaHaar(SlopeFilter):
    r"""Slope as an exponential average of the steps of an exponential average.

    .. math::

        d_t = (1-α)\,d_{t-1} + α\,(x_t - x_{t-1}), \qquad D_t = (1-β)\,D_{t-1} + β\,d_t

        H(z) = \frac{αβ\,(1 - z^{-1})}{(1 - (1-α)\,z^{-1})\,(1 - (1-β)\,z^{-1})}

    D is the slope; the level is the exponential average with weight α. Before its first sample the
    stream is taken to have stood at it. O(1) time and memory a sample.

    Parameters
    ----------
    alpha : float
        Weight of a new sample in the level, 0 < alpha <= 1: a time constant of 1/alpha samples.
    beta : float
        Weight of a new step in the slope, 0 < beta <= 1.

    Raises
    ------
    ValueError
        If a weight is not above 0 and at most 1.

    Notes
    -----
    This is the slope of FastFace's final scheduler (Gong et al., arXiv 2404.11118), as the cascade
    of its two averages. The paper fuses them into one recurrence of second order, whose first value
    comes out too large by 1/β: one noisy first sample then disturbs it for thousands.

    The warm-up is 1/alpha + 1/beta - 1 samples; from then on a ramp is seen at 59 % of its slope
    or more.

    Examples
    --------
    >>> import numpy as np
    >>> from plateau import EmaHaar
    >>> slopes = EmaHaar(alpha=0.1, beta=0.1).response(0.5 * np.arange(200))
    >>> round(float(slopes[-1]), 6)
    0.5
    """

    __slots__ = ("alpha", "beta")
    _type = "EmaHaar"
    kernels = EMA

    def __init__(self, alpha: float, beta: float) -> None:
        self.alpha = weight("alpha", alpha)
        self.beta = weight("beta", beta)
        self._begin()

    def _describe(self) -> Description:
        return {"type": self._type, "alpha": self.alpha, "beta": self.beta}

    @property
    def warmup(self) -> int:
        """Leading samples that have no slope: the two time constants together, less one."""
        return math.ceil(1 / self.alpha + 1 / self.beta) - 1

    @property
    def delay(self) -> float:
        """Samples by which the slope lags the stream: 1/alpha + 1/beta - 3/2."""
        return 1 / self.alpha + 1 / self.beta - 1.5

    def kernels_for(self, samples: int, patience: float = math.inf) -> Kernels:
        """Return the kernels for so many samples in a row."""
        return fast.ema_kernels(samples, 1 / min(self.alpha, self.beta), patience)

    def _constants(self) -> dict[str, float]:
        # Weights and their complements then add up to 1 exactly, so that a constant stays one.
        return {"alpha": 1.0 - (1.0 - self.alpha), "beta": 1.0 - (1.0 - self.beta)}

    def _layout_with(self, patience: int = 0) -> Layout:
        """Return what its cells are under a rule of this patience."""
        return filter_layout("step", patience=patience)


class Ema(EmaHaar):
    r"""Slope as the steps of an exponential average.

    .. math::

        d_t = (1-α)\,d_{t-1} + α\,(x_t - x_{t-1}), \qquad
        H(z) = \frac{α\,(1 - z^{-1})}{1 - (1-α)\,z^{-1}}

    d is the slope, L_t - L_{t-1}; the average itself, L_t = (1-α) L_{t-1} + α x_t, is `level`.
    Before its first sample the stream is taken to have stood at it. O(1) time and memory a sample.

    Parameters
    ----------
    alpha : float
        Weight of a new sample, 0 < alpha <= 1: a time constant of 1/alpha samples.

    Raises
    ------
    ValueError
        If the weight is not above 0 and at most 1.

    Notes
    -----
    It is `EmaHaar` with ``beta=1``. The warm-up is 1/alpha samples; from then on a ramp is seen at
    63 % of its slope or more.

    Examples
    --------
    >>> from plateau import Ema
    >>> ema = Ema(alpha=0.5)
    >>> ema.update_many([0.0, 2.0, 2.0]).tolist()
    [nan, nan, 0.5]
    >>> ema.level
    1.5
    """

    __slots__ = ()
    _type = "Ema"

    def __init__(self, alpha: float) -> None:
        super().__init__(alpha, 1.0)

    def _describe(self) -> Description:
        return {"type": self._type, "alpha": self.alpha}


class Haar(SlopeFilter):
    r"""Slope as the difference of two neighbouring means: a Haar kernel over a moving average.

    .. math::

        L_t = \frac{1}{s} \sum_{i<s} x_{t-i}, \qquad
        D_t = \frac{1}{h} \Big( \frac{1}{h} \sum_{i<h} L_{t-i}
              - \frac{1}{h} \sum_{i<h} L_{t-h-i} \Big), \quad h = w/2

        H(z) = \frac{(1 - z^{-s})\,(1 - z^{-h})^2}{s\,h^2\,(1 - z^{-1})^2}

    D is the slope, L the level. O(1) time a sample whatever the window, and memory for about
    ``window + smooth`` numbers.

    Parameters
    ----------
    window : int
        Levels that the slope looks at, w, an even number of at least 2.
    smooth : int, default 1
        Samples in the moving average that makes a level, s, at least 1.

    Raises
    ------
    TypeError
        If an argument is not a whole number.
    ValueError
        If `window` is odd or less than 2, or `smooth` is less than 1.

    Notes
    -----
    This is the slope of FastFace's first scheduler (Gong et al., arXiv 2404.11118). The warm-up is
    ``window + smooth - 2`` samples. The moving sums never subtract, so they do not drift: after any
    number of samples, and after any burst, the error is that of a fresh window.

    Examples
    --------
    >>> from plateau import Haar
    >>> Haar(window=4).response([0, 3, 6, 9, 9, 9, 9]).tolist()
    [nan, nan, nan, 3.0, 2.25, 0.75, 0.0]
    """

    __slots__ = ("smooth", "window")
    _type = "Haar"
    kernels = HAAR

    def __init__(self, window: int, smooth: int = 1) -> None:
        self.window = whole("window", window, least=2)
        if self.window % 2:
            raise ValueError(f"window must be even, not {window}")
        self.smooth = whole("smooth", smooth, least=1)
        self._begin()

    def _describe(self) -> Description:
        return {"type": self._type, "window": self.window, "smooth": self.smooth}

    @property
    def warmup(self) -> int:
        """Leading samples that have no slope: ``window + smooth - 2``."""
        return self.window + self.smooth - 2

    @property
    def delay(self) -> float:
        """Samples by which the slope lags the stream: half of the warm-up."""
        return self.warmup / 2

    def kernels_for(self, samples: int, patience: float = math.inf) -> Kernels:
        """Return the kernels for so many samples in a row."""
        return fast.haar_kernels(samples, self.window + self.smooth, patience)

    def _constants(self) -> dict[str, float]:
        return {"half": self.window // 2, "smooth": self.smooth}

    def _layout_with(self, patience: int = 0) -> Layout:
        """Return what its cells are under a rule of this patience."""
        half = self.window // 2
        own: list[str] = []
        allowed: dict[str, Collection[int]] = {"past": range(half)}
        rings = half
        for name, size in (("samples", self.smooth), ("levels", half)):
            own += [f"{name}.{field}" for field in r.Moving._fields]
            buffer = (size + 1) // 2
            allowed |= {f"{name}.filled": range(buffer), f"{name}.side": (0, buffer + 1)}
            rings += 2 * (buffer + 1)
        return filter_layout(*own, "past", patience=patience, rings=rings, allowed=allowed)


FILTERS: dict[str, type[SlopeFilter]] = {cls._type: cls for cls in (Ema, EmaHaar, Haar)}
"""Slope filters by name."""


def filter_from(description: Description) -> SlopeFilter:
    """Make the slope filter of a description."""
    return FILTERS[description["type"]]._from_description(description)
