"""Many streams under the same detector."""

from collections.abc import Callable
from operator import index
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau import _recurrence as r
from plateau._arguments import positive, whole
from plateau._samples import as_rows, as_samples, first_nonfinite, nonfinite_error
from plateau._state import Description, Streaming
from plateau._use import Use
from plateau.base import KernelDetector, Readings, Verdict
from plateau.calibrated import Detector
from plateau.detectors import ThresholdDetector
from plateau.outlook import Doubts, Gains


class DetectorBank(Streaming):
    """`k` streams under the same detector, fed one sample of each at a time or many.

    The numbers are those of `k` single detectors such as `detector`, bit for bit.

    Alarms are ends of plateaus by a shift, to the better or the worse, see `alarmed`. The bank has
    a budget of them: streams that all stay flat are expected to give at most `alarms` in every
    `per` updates together, however they depend on each other. A plateau that ends because more
    samples tell another story obeys no rate, and is no alarm.

    Parameters
    ----------
    detector : Detector or ThresholdDetector
        Taken as a description: each stream starts afresh. Of a `Detector` the `run_length`
        becomes that of the budget, ``streams * per / alarms``.
    streams : int
        Number of streams, k, at least 1.
    alarms : float or None, default 1
        False alarms that all streams together may give in `per` updates; above 0. None: the
        `run_length` stays, so that more streams give more of them.
    per : float, default 86400
        Updates for which they are counted: with one a second, a day.

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

    A thousand streams, one of which shifts; one false alarm a day is allowed:

    >>> from plateau import Detector
    >>> bank = DetectorBank(Detector("both"), streams=1000)
    >>> bank.detector.run_length
    86400000.0
    >>> samples = np.random.default_rng(0).normal(size=(1100, 1000))
    >>> samples[1000:, 7] += 4.0
    >>> for row in samples:
    ...     fired = bank.update(row)
    ...     if bank.alarmed.any():
    ...         print(np.flatnonzero(bank.alarmed))
    [7]
    """

    __slots__ = ("_alarmed", "_room", "alarms", "detector", "per", "streams")
    _type = "DetectorBank"
    _alarmed: NDArray[np.bool_]
    _room: NDArray[np.float64]
    detector: KernelDetector
    streams: int

    def __init__(
        self,
        detector: KernelDetector,
        streams: int,
        *,
        alarms: float | None = 1.0,
        per: float = 86_400.0,
    ) -> None:
        if not isinstance(detector, KernelDetector):
            raise TypeError(f"detector must be Detector or ThresholdDetector, not {detector!r}")
        self.alarms = None if alarms is None else positive("alarms", alarms)
        self.per = positive("per", per)
        self._layout = detector._layout
        self._become(_within(detector, streams, self.alarms, self.per), streams)

    def _become(self, detector: KernelDetector, streams: int) -> None:
        """Have so many streams under a detector, those that there were among them."""
        group = detector.group
        # Streams of some detectors lie in groups, of which the last may have idle places.
        groups = -(-whole("streams", streams, least=1) // group)
        room = self._room_for(r.PARAMS + groups * group * self._layout.size)
        room[: r.PARAMS] = detector._make_state(group)[: r.PARAMS]
        state = room[: r.PARAMS + groups * group * self._layout.size]
        self._change(detector=detector, streams=streams, _room=room)
        self._change(_state=state, _alarmed=np.zeros(streams, dtype=np.bool_))
        if hasattr(self, "_use"):
            self._use.follow(state)  # a thread that waits for its turn waits for this one
        else:
            self._change(_use=Use(state))

    def _room_for(self, numbers: int) -> NDArray[np.float64]:
        """Return an array of at least so many numbers, that begins with the present state."""
        room: NDArray[np.float64] | None = getattr(self, "_room", None)
        if room is None:
            return np.zeros(numbers)
        if len(room) >= numbers:
            return room
        # Twice as much as there was, so that growing by one costs the same however many there are.
        grown = np.zeros(max(numbers, 2 * len(room)))
        grown[: len(self._state)] = self._state
        return grown

    def _change(self, **attributes: object) -> None:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)  # of itself, where nobody else may

    def _describe(self) -> Description:
        return {
            "type": self._type,
            "detector": self.detector._describe(),
            "streams": self.streams,
            "alarms": self.alarms,
            "per": self.per,
        }

    @classmethod
    def _from_description(cls, description: Description) -> Self:
        kind = DETECTORS[description["detector"]["type"]]
        detector = kind._from_description(description["detector"])
        # A bank of an earlier release had no budget.
        budget = {"alarms": None} | {name: description[name] for name in BUDGET & {*description}}
        return cls(detector, description["streams"], **budget)

    def grow(self, streams: int) -> None:
        """Add streams, which begin at their start; the run length becomes that of more of them.

        Parameters
        ----------
        streams : int
            How many to add, at least 1. Adding them one by one costs no more.

        Examples
        --------
        >>> from plateau import Detector, DetectorBank
        >>> bank = DetectorBank(Detector(), streams=2)
        >>> bank.grow(3)
        >>> bank.streams, bank.detector.run_length
        (5, 432000.0)
        """
        total = self.streams + whole("streams", streams, least=1)
        with self._use:
            self._become(_within(self.detector, total, self.alarms, self.per), total)

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

    def update(self, x: ArrayLike, present: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Take one sample of each stream.

        Parameters
        ----------
        x : array_like, shape (k,)
            The samples, in metric units.
        present : array_like of bool, shape (k,), optional
            Which streams have a sample; what stands for the others is not looked at, and nothing
            changes for them. NaN is not that: it is a sample that was not finite. All by default.

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
        absent = self._absent(present, samples.shape)
        if absent is not None:
            samples = np.where(absent, 0.0, samples)
        if self.detector.on_nonfinite == "raise":
            bad = first_nonfinite(samples)
            if bad is not None:
                raise nonfinite_error(samples, bad)
        return self._take(samples, absent, self.detector._advance)

    def update_many(self, xs: ArrayLike, present: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Take samples of each stream; the state is then as after one `update` for each row.

        Parameters
        ----------
        xs : array_like, shape (n, k)
            The samples, in metric units: a row for each `update`. Either memory order is fast: an
            array that has a row for each stream is passed as its transpose, ``xs.T``.
        present : array_like of bool, shape (n, k), optional
            Which streams have a sample at which update, see `update`.

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
        absent = self._absent(present, samples.shape)
        if absent is not None:
            samples = np.where(absent, 0.0, samples)
        bad = None
        if self.detector.on_nonfinite == "raise":
            bad = first_nonfinite(samples.ravel())
        row = None if bad is None else bad // self.streams
        gone = None if absent is None else absent[:row]
        fired = self._take(samples[:row], gone, self.detector._advance_many)
        if row is not None:
            try:
                self.update(samples[row])
            except ValueError as error:
                raise ValueError(f"row {row}: {error}") from None
        return fired

    def _absent(
        self, present: ArrayLike | None, shape: tuple[int, ...]
    ) -> NDArray[np.bool_] | None:
        """Return which samples are not there; None if all are."""
        if present is None:
            return None
        mask = np.asarray(present)
        if mask.dtype != np.bool_ or mask.shape != shape:
            raise ValueError(
                f"present must be a mask of shape {shape}, not {mask.dtype} {mask.shape}"
            )
        return None if mask.all() else ~mask

    def _take(
        self,
        samples: NDArray[np.float64],
        absent: NDArray[np.bool_] | None,
        advance: Callable[..., tuple[NDArray[np.bool_], NDArray[np.int64]]],
    ) -> NDArray[np.bool_]:
        if absent is not None:
            # To a kernel they are not finite, which changes nothing but the count of such samples.
            samples = np.where(absent, np.nan, samples)
        with self._use:
            if samples.shape[-1] != self.streams:  # it has grown since they were counted
                raise RuntimeError(r.IN_USE)
            fired, alarms = advance(self._state, self.streams, samples)
            self._alarmed[:] = False
            self._alarmed[alarms] = True
            if absent is not None:
                skipped = self._cells()[:, :, self._layout.names.index("skipped")]
                streams, counts = np.unique(np.nonzero(absent)[-1], return_counts=True)
                skipped[np.divmod(streams, self.detector.group)] -= counts
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
        place = int(self._chosen(self._index(stream))[0])
        single = self.detector.clone()
        single.reset()
        at = divmod(place, self.detector.group)
        single._set_table(self._use.copied(lambda: self._cells()[at][None].copy()))
        return single

    @staticmethod
    def _index(stream: int) -> int:
        try:
            return index(stream)
        except TypeError:
            raise TypeError(f"a stream is named by its index, not by {stream!r}") from None

    def __setitem__(self, stream: int, detector: KernelDetector) -> None:
        """Let a stream go on where a single detector is.

        Its parameters must be those of the bank's, but for a run length that the budget sets.
        """
        place = int(self._chosen(self._index(stream))[0])
        if not isinstance(detector, KernelDetector):
            raise TypeError(f"a stream goes on from a detector, not from {detector!r}")
        own = detector._describe()
        if self.alarms is not None and "run_length" in own:
            own = {**own, "run_length": self.detector._describe().get("run_length")}
        self.detector._refuse_other(own)
        with self._use:
            self._cells()[divmod(place, self.detector.group)] = detector._copied()[0]

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
    def alarmed(self) -> NDArray[np.bool_]:
        """Streams whose plateau was ended by a shift in the last update or updates, shape (k,).

        This is what the budget is about. It is not part of the state.
        """
        return self._alarmed.copy()

    @property
    def evidence(self) -> NDArray[np.float64]:
        """How rare what is seen of a shift is, shape (k,); NaN outside a plateau.

        The run length of which it would be an alarm: a stream that stays flat comes so far once in
        so many samples. Streams in the order of it, ``np.argsort(-bank.evidence)[:10]``, are those
        to look at first. Of threshold rules it is NaN.
        """
        with self._use:
            return self.detector._evidence(self._state, self.streams)

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


def _within(
    detector: KernelDetector, streams: int, alarms: float | None, per: float
) -> KernelDetector:
    """Return a detector with the run length of a budget, if it has one."""
    if alarms is None or not isinstance(detector, Detector):
        return detector
    return with_run_length(detector, streams * per / alarms)


def with_run_length(detector: Detector, run_length: float) -> Detector:
    """Return a fresh detector such as this one, with another run length."""
    return Detector._from_description(detector._describe() | {"run_length": run_length})


BUDGET = {"alarms", "per"}
"""What a bank is given beside its detector and the number of its streams."""

DETECTORS: dict[str, type[KernelDetector]] = {
    "Detector": Detector,
    "ThresholdDetector": ThresholdDetector,
}
"""Detectors by name."""
