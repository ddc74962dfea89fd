"""Many streams under the same detector."""

from operator import index
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau import _recurrence as r
from plateau._arguments import whole
from plateau._samples import as_rows, as_samples, first_nonfinite, nonfinite_error
from plateau._state import Description, Streaming
from plateau.base import KernelDetector, Readings, Verdict
from plateau.calibrated import Detector
from plateau.detectors import ThresholdDetector
from plateau.outlook import Doubts, Gains


class DetectorBank(Streaming):
    """`k` streams under the same detector, fed one sample of each at a time or many.

    The numbers are those of `k` single detectors, bit for bit.

    Parameters
    ----------
    detector : Detector or ThresholdDetector
        Taken as a description: each stream starts afresh.
    streams : int
        Number of streams, k, at least 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

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

    __slots__ = ("detector", "streams")
    _type = "DetectorBank"

    def __init__(self, detector: KernelDetector, streams: int) -> None:
        if not isinstance(detector, KernelDetector):
            raise TypeError(f"detector must be Detector or ThresholdDetector, not {detector!r}")
        self.detector = detector
        self.streams = whole("streams", streams, least=1)
        self._layout = detector._layout
        # Streams of some detectors lie in groups, of which the last may have idle places.
        groups = -(-self.streams // detector.group)
        self._keep(detector._make_state(groups * detector.group))

    def _describe(self) -> Description:
        return {
            "type": self._type,
            "detector": self.detector._describe(),
            "streams": self.streams,
        }

    @classmethod
    def _from_description(cls, description: Description) -> Self:
        kind = DETECTORS[description["detector"]["type"]]
        return cls(kind._from_description(description["detector"]), description["streams"])

    def _many(self) -> bool:
        return True

    def _cells(self) -> NDArray[np.float64]:
        """Return a view of the state, shape (groups, streams, cells)."""
        shape = (-1, self._layout.size, self.detector.group)
        return self._state[r.PARAMS :].reshape(shape).transpose(0, 2, 1)

    def _table(self) -> NDArray[np.float64]:
        return self._cells().reshape(-1, self._layout.size)[: self.streams]

    def _set_table(self, table: NDArray[np.float64]) -> None:
        padded = np.zeros(len(self._state) - r.PARAMS)
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
        with self._use:
            return self.detector._advance(self._state, self.streams, samples)

    def update_many(self, xs: ArrayLike) -> NDArray[np.bool_]:
        """Take samples of each stream; the state is then as after one `update` for each row.

        Parameters
        ----------
        xs : array_like, shape (n, k)
            The samples, in metric units: a row for each `update`. Either memory order is fast: an
            array that has a row for each stream is passed as its transpose, ``xs.T``.

        Returns
        -------
        numpy.ndarray of bool, shape (n, k)
            Which streams fire at which samples.

        Raises
        ------
        TypeError
            If the samples are not real numbers.
        ValueError
            If the shape is not (n, k); or if a sample is not finite and the detector has
            ``on_nonfinite="raise"``: then the rows before it have been taken.

        Examples
        --------
        >>> import numpy as np
        >>> from plateau import DetectorBank, Haar, ThresholdDetector
        >>> bank = DetectorBank(ThresholdDetector(Haar(2), threshold=0.1, patience=3), streams=2)
        >>> fired = bank.update_many([[-1.0 * t, 5.0] for t in range(10)])
        >>> np.argwhere(fired).tolist()
        [[4, 1], [8, 1]]
        """
        samples = as_rows(xs)
        if samples.shape[1] != self.streams:
            raise ValueError(
                f"this bank takes {self.streams} samples at a time, not {samples.shape[1]}"
            )
        bad = None
        if self.detector.on_nonfinite == "raise":
            bad = first_nonfinite(samples.ravel())
        row = None if bad is None else bad // self.streams
        with self._use:
            fired = self.detector._advance_many(self._state, self.streams, samples[:row])
        if row is not None:
            try:
                self.update(samples[row])
            except ValueError as error:
                raise ValueError(f"row {row}: {error}") from None
        return fired

    def changed(self, streams: ArrayLike | None = None) -> None:
        """Note that a new regime may begin here, see `PlateauDetector.changed`.

        Parameters
        ----------
        streams : array_like of bool or int, optional
            Mask or indices of the streams that it concerns; all by default.

        Raises
        ------
        TypeError, ValueError, IndexError
            If it is neither a mask of the streams nor indices of some.
        """
        chosen = np.arange(self.streams) if streams is None else self._chosen(streams)
        if not len(chosen):
            return
        with self._use:
            table = self._table()
            rows = table[chosen]
            self.detector._mark_changed(rows)
            table[chosen] = rows
            self._set_table(table)

    def __len__(self) -> int:
        return self.streams

    def __getitem__(self, stream: int) -> KernelDetector:
        """Return a single detector that continues this stream."""
        try:
            place = index(stream)
        except TypeError:
            raise TypeError(f"a stream is named by its index, not by {stream!r}") from None
        single = self.detector.clone()
        chosen = self._chosen(place)
        with self._use.to_copy():
            single._set_table(self._table()[chosen])
        return single

    def _chosen(self, streams: ArrayLike) -> NDArray[np.int64]:
        """Return the indices of the streams that a mask or indices stand for."""
        which = np.atleast_1d(np.asarray(streams))
        if which.size == 0:
            return np.arange(0)
        if which.dtype == np.bool_:
            if which.shape != (self.streams,):
                raise ValueError(f"a mask has shape ({self.streams},), not {which.shape}")
            return np.flatnonzero(which)
        if which.dtype.kind not in "iu" or which.ndim > 1:
            raise TypeError(f"streams must be a mask or indices of streams, not {streams!r}")
        for stream in which.tolist():
            if not -self.streams <= stream < self.streams:
                raise IndexError(f"there is no stream {stream} among {self.streams}")
        return which.astype(np.int64) % self.streams

    @property
    def verdict(self) -> NDArray[np.int8]:
        """Codes of `Verdict`, shape (k,)."""
        return self._read().verdict

    @property
    def in_plateau(self) -> NDArray[np.bool_]:
        """Which streams are in a plateau, shape (k,)."""
        return np.equal(self.verdict, Verdict.PLATEAU)

    @property
    def onset(self) -> NDArray[np.int64]:
        """Where the present plateaus began, shape (k,); -1 outside one."""
        return self._read().onset

    @property
    def declared(self) -> NDArray[np.int64]:
        """Where the present plateaus were first known, shape (k,); -1 outside one."""
        return self._read().declared

    @property
    def level(self) -> NDArray[np.float64]:
        """Smoothed values, in metric units, shape (k,); NaN before the first sample."""
        return self._read().level

    @property
    def slope(self) -> NDArray[np.float64]:
        """Slopes, in metric units per sample, shape (k,); NaN while warming up."""
        return self._read().slope

    @property
    def noise(self) -> NDArray[np.float64]:
        """Standard deviations around the levels, shape (k,); NaN before they are known."""
        return self._read().noise

    @property
    def level_error(self) -> NDArray[np.float64]:
        """Standard errors of the levels, shape (k,); NaN while warming up, see `Detector`.

        This and the next three look at the blocks of each stream anew; of threshold rules they are
        NaN.
        """
        return self._doubt("level_error")

    @property
    def effective(self) -> NDArray[np.float64]:
        """Uncorrelated samples that the plateaus are worth, shape (k,); NaN outside one."""
        return self._doubt("effective")

    @property
    def confidence(self) -> NDArray[np.float64]:
        """How sure the verdicts are, shape (k,); NaN while warming up, see `Detector`."""
        return self._doubt("confidence")

    @property
    def gain(self) -> Gains:
        """What as many samples again are expected to bring, see `Detector.gain`."""
        return Gains(*self._doubts().T[-len(Gains._fields) :])

    def _doubt(self, name: str) -> NDArray[np.float64]:
        return self._doubts()[:, Doubts._fields.index(name)]

    def _doubts(self) -> NDArray[np.float64]:
        return self.detector._doubts(self._state, self.streams)

    @property
    def count(self) -> NDArray[np.int64]:
        """Samples accepted, shape (k,)."""
        return self._read().accepted

    @property
    def skipped(self) -> NDArray[np.int64]:
        """Samples that were not finite, shape (k,)."""
        return self._read().skipped

    @property
    def fires(self) -> NDArray[np.int64]:
        """Fires in a row without progress between them, shape (k,)."""
        return self._read().fires

    def _read(self) -> Readings:
        return self.detector._readings(self._state, self.streams)


DETECTORS: dict[str, type[KernelDetector]] = {
    "Detector": Detector,
    "ThresholdDetector": ThresholdDetector,
}
"""Detectors by name."""
