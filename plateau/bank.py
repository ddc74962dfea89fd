"""Many streams under the same detector."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau import _kernels as k
from plateau._arguments import whole
from plateau._compile import compiled
from plateau._samples import as_samples, first_nonfinite, nonfinite_error
from plateau._state import Description, Streaming
from plateau.detectors import ThresholdDetector, Verdict, mark_changed, noise_of


class DetectorBank(Streaming):
    """`k` streams under the same detector, one sample of each at a time.

    The numbers are those of `k` single detectors, bit for bit.

    Parameters
    ----------
    detector : ThresholdDetector
        Taken as a description: each stream begins at its start.
    streams : int
        Number of streams, k, at least 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above.

    Examples
    --------
    >>> import numpy as np
    >>> from plateau import DetectorBank, Haar, ThresholdDetector
    >>> bank = DetectorBank(ThresholdDetector(Haar(2), threshold=0.1, patience=3), streams=2)
    >>> for t in range(10):
    ...     fired = bank.update(np.array([-1.0 * t, 5.0]))
    >>> bank.in_plateau.tolist()
    [False, True]
    """

    __slots__ = ("_update", "detector", "streams")
    _type = "DetectorBank"

    def __init__(self, detector: ThresholdDetector, streams: int) -> None:
        if not isinstance(detector, ThresholdDetector):
            raise TypeError(f"detector must be a ThresholdDetector, not {detector!r}")
        self.detector = detector
        self.streams = whole("streams", streams, least=1)
        self._layout = detector._layout
        self._update = compiled(f"{detector.slope_filter.kernels}_bank")
        # EMA streams lie in groups of LANES, so the last group may have idle lanes.
        groups = -(-self.streams // self._lanes)
        self._block = detector._make_block(groups * self._lanes)

    @property
    def _lanes(self) -> int:
        return k.LANES if self.detector.slope_filter.kernels == "ema" else 1

    def _describe(self) -> Description:
        return {
            "type": self._type,
            "detector": self.detector._describe(),
            "streams": self.streams,
        }

    @classmethod
    def _from_description(cls, description: Description) -> Self:
        detector = ThresholdDetector._from_description(description["detector"])
        return cls(detector, description["streams"])

    def _many(self) -> bool:
        return True

    def _cells(self) -> NDArray[np.float64]:
        """Return a view of the state, shape (groups, lanes, cells)."""
        shape = (-1, self._layout.size, self._lanes)
        return self._block[k.PARAMS :].reshape(shape).transpose(0, 2, 1)

    def _table(self) -> NDArray[np.float64]:
        return self._cells().reshape(-1, self._layout.size)[: self.streams]

    def _set_table(self, table: NDArray[np.float64]) -> None:
        padded = np.zeros(len(self._block) - k.PARAMS)
        padded[: table.size] = table.ravel()
        cells = self._cells()
        cells[:] = padded.reshape(cells.shape)

    def update(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Take one sample of each stream.

        Parameters
        ----------
        x : array_like, shape (k,)
            The samples, in metric units.

        Returns
        -------
        numpy.ndarray of bool, shape (k,)
            Which streams fire.

        Raises
        ------
        TypeError
            If the samples are not real numbers.
        ValueError
            If there are not k of them; or if one is not finite and the detector has
            ``on_nonfinite="raise"``: then no stream has taken its sample.
        """
        samples = as_samples(x)
        if len(samples) != self.streams:
            raise ValueError(
                f"this bank takes {self.streams} samples at a time, not {len(samples)}"
            )
        if self.detector.on_nonfinite == "raise":
            bad = first_nonfinite(samples)
            if bad is not None:
                raise nonfinite_error(samples, bad)
        fired = np.empty(self.streams, dtype=np.bool_)
        self._update(self._block, self.streams, samples, fired)
        return fired

    def changed(self, streams: ArrayLike | None = None) -> None:
        """Take note that a new regime may begin here, see `ThresholdDetector.changed`.

        Parameters
        ----------
        streams : array_like of bool or int, optional
            Mask or indices of the streams that it concerns; all by default.
        """
        table, every = self._table(), np.arange(self.streams)
        chosen = every if streams is None or np.size(streams) == 0 else every[np.asarray(streams)]
        if streams is not None and np.size(streams) == 0:
            return
        rows = table[chosen]
        mark_changed(rows)
        table[chosen] = rows
        self._set_table(table)

    def __len__(self) -> int:
        return self.streams

    def __getitem__(self, stream: int) -> ThresholdDetector:
        """Return a single detector that goes on where this stream is."""
        single = self.detector.clone()
        single._set_table(self._table()[stream][None])
        return single

    @property
    def verdict(self) -> NDArray[np.int8]:
        """Codes of `Verdict`, shape (k,)."""
        return self._readings()[0]

    @property
    def in_plateau(self) -> NDArray[np.bool_]:
        """Which streams are in a plateau, shape (k,)."""
        return np.equal(self.verdict, Verdict.PLATEAU)

    @property
    def onset(self) -> NDArray[np.int64]:
        """Where the present plateaus began, shape (k,); -1 outside one."""
        return self._readings()[1]

    @property
    def declared(self) -> NDArray[np.int64]:
        """Where the present plateaus were first known, shape (k,); -1 outside one."""
        return self._readings()[2]

    @property
    def level(self) -> NDArray[np.float64]:
        """Smoothed values, in metric units, shape (k,); NaN before the first sample."""
        return np.where(self.count > 0, self._column(k.LEVEL), np.nan)

    @property
    def slope(self) -> NDArray[np.float64]:
        """Slopes, in metric units per sample, shape (k,); NaN while warming up."""
        warm = self.count > self.detector.slope_filter.warmup
        return np.where(warm, self._column(k.SLOPE), np.nan)

    @property
    def noise(self) -> NDArray[np.float64]:
        """Standard deviations around the levels, shape (k,), see `ThresholdDetector.noise`."""
        length = self.detector.slope_filter.warmup + 1
        return noise_of(self._column(k.VARIANCE), self.count, length)

    @property
    def count(self) -> NDArray[np.int64]:
        """Samples accepted, shape (k,)."""
        return self._column(k.ACCEPTED).astype(np.int64)

    @property
    def skipped(self) -> NDArray[np.int64]:
        """Samples that were not finite, shape (k,)."""
        return self._column(k.SKIPPED).astype(np.int64)

    @property
    def fires(self) -> NDArray[np.int64]:
        """Fires in a row without progress between them, shape (k,)."""
        return self._column(k.FIRES).astype(np.int64)

    def _column(self, cell: int) -> NDArray[np.float64]:
        return self._cells()[:, :, cell].reshape(-1)[: self.streams]

    def _readings(self) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.int64]]:
        group, lane = np.divmod(np.arange(self.streams), self._lanes)
        places = k.PARAMS + group * (self._layout.size * self._lanes) + lane
        codes = np.empty(self.streams, dtype=np.int8)
        onset, declared = np.empty((2, self.streams), dtype=np.int64)
        compiled("readings")(self._block, places, self._lanes, codes, onset, declared)
        return codes, onset, declared
