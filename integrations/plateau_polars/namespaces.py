"""The namespace ``plateau`` of expressions and of Series."""

from collections.abc import Callable
from functools import partial

import polars as pl

from plateau import Detector
from plateau.base import PlateauDetector
from plateau_polars import columns as c


@pl.api.register_expr_namespace("plateau")
class PlateauExpr:
    """What a detector says of a column: ``pl.col("loss").plateau``.

    Importing `plateau_polars` adds the namespace. Each method runs a fresh detector over the whole
    column, over each group in `over` and in `group_by`, in the order of the rows.

    Parameters
    ----------
    expr : polars.Expr
        Numbers or booleans. For a type checker, which does not know ``expr.plateau``,
        ``PlateauExpr(expr)`` is the same.

    Notes
    -----
    Every method takes a detector, ``plateau.Detector()`` by default, as a description: its own
    state is neither used nor touched.

    A row that is null, NaN or infinite is skipped: it repeats what was known before and never
    fires. With ``on_nonfinite="raise"`` it is an error. Null stands for what is not known: a slope
    while warming up, a level before the first sample, an onset outside a plateau. Indices (`onset`,
    and those of `plateaus`) count rows of the column or of the group, skipped ones included.

    Examples
    --------
    >>> import polars as pl
    >>> import plateau_polars
    >>> from plateau import Haar, ThresholdDetector
    >>> detector = ThresholdDetector(Haar(window=2), threshold=0.1, patience=2)
    >>> losses = pl.DataFrame({"loss": [4, 2, 1, 1, 1, 1, 1]})
    >>> losses.select(pl.col("loss").plateau.slope(detector)).to_series().to_list()
    [None, -2.0, -1.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, expr: pl.Expr) -> None:
        self._expr = expr

    def verdict(self, detector: PlateauDetector | None = None) -> pl.Expr:
        """Return the verdict after each row, an Enum of the names of `plateau.Verdict`."""
        return self._traced("verdict", detector)

    def slope(self, detector: PlateauDetector | None = None) -> pl.Expr:
        """Return the slope after each row, in metric units per row."""
        return self._traced("slope", detector)

    def level(self, detector: PlateauDetector | None = None) -> pl.Expr:
        """Return the level after each row, in metric units."""
        return self._traced("level", detector)

    def fired(self, detector: PlateauDetector | None = None) -> pl.Expr:
        """Return for each row whether the detector fired at it."""
        return self._traced("fired", detector)

    def onset(self, detector: PlateauDetector | None = None) -> pl.Expr:
        """Return for each row where the plateau began that it is in, as far as known there."""
        return self._traced("onset", detector)

    def trace(self, detector: PlateauDetector | None = None) -> pl.Expr:
        """Return all of the above in one pass, a struct for each row."""
        function = partial(c.traced_whole, detector=as_detector(detector))
        return self._mapped(function, pl.Struct(c.TRACE))

    def plateaus(self, detector: PlateauDetector | None = None) -> pl.Expr:
        """Return the plateaus as one list of structs, whose fields are those of `plateau.Plateau`.

        It aggregates: a single row in `select`, one for each group in `group_by`.
        """
        function = partial(c.plateaus_listed, detector=as_detector(detector))
        return self._mapped(function, pl.List(pl.Struct(c.PLATEAU)), returns_scalar=True)

    def _traced(self, field: str, detector: PlateauDetector | None) -> pl.Expr:
        function = partial(c.traced, field=field, detector=as_detector(detector))
        return self._mapped(function, c.TRACE[field])

    def _mapped(
        self,
        function: Callable[[pl.Series], pl.Series],
        dtype: pl.DataType,
        *,
        returns_scalar: bool = False,
    ) -> pl.Expr:
        # A row depends on those before it, so no engine may hand over one part after the other.
        return self._expr.map_batches(
            function, dtype, is_elementwise=False, returns_scalar=returns_scalar
        )


@pl.api.register_series_namespace("plateau")
class PlateauSeries:
    """What a detector says of a Series: ``series.plateau``.

    The methods are those of `PlateauExpr`; its notes say how nulls and indices are understood.

    Parameters
    ----------
    series : polars.Series
        Numbers or booleans.

    Examples
    --------
    >>> import polars as pl
    >>> import plateau_polars
    >>> from plateau import Haar, ThresholdDetector
    >>> loss = pl.Series("loss", [8, 6, 4] + [3] * 7 + [2] + [1] * 7)
    >>> detector = ThresholdDetector(Haar(window=2), threshold=0.1, patience=3)
    >>> loss.plateau.plateaus(detector).struct.unnest().select("start", "stop", "level").rows()
    [(3, 10, 3.0), (11, 18, 1.0)]
    """

    def __init__(self, series: pl.Series) -> None:
        self._series = series

    def verdict(self, detector: PlateauDetector | None = None) -> pl.Series:
        """Return the verdict after each row, see `PlateauExpr.verdict`."""
        return c.traced(self._series, as_detector(detector), "verdict")

    def slope(self, detector: PlateauDetector | None = None) -> pl.Series:
        """Return the slope after each row, see `PlateauExpr.slope`."""
        return c.traced(self._series, as_detector(detector), "slope")

    def level(self, detector: PlateauDetector | None = None) -> pl.Series:
        """Return the level after each row, see `PlateauExpr.level`."""
        return c.traced(self._series, as_detector(detector), "level")

    def fired(self, detector: PlateauDetector | None = None) -> pl.Series:
        """Return for each row whether the detector fired at it, see `PlateauExpr.fired`."""
        return c.traced(self._series, as_detector(detector), "fired")

    def onset(self, detector: PlateauDetector | None = None) -> pl.Series:
        """Return for each row where its plateau began, see `PlateauExpr.onset`."""
        return c.traced(self._series, as_detector(detector), "onset")

    def trace(self, detector: PlateauDetector | None = None) -> pl.Series:
        """Return all of the above in one pass, a struct for each row."""
        return c.traced_whole(self._series, as_detector(detector))

    def plateaus(self, detector: PlateauDetector | None = None) -> pl.Series:
        """Return the plateaus, a struct for each, whose fields are those of `plateau.Plateau`."""
        return c.plateaus(self._series, as_detector(detector))


def as_detector(detector: PlateauDetector | None) -> PlateauDetector:
    """Return the detector, by default the calibrated one.

    Raises
    ------
    TypeError
        If it is no detector of one stream.
    """
    if detector is None:
        return Detector()
    if not isinstance(detector, PlateauDetector):
        raise TypeError(f"detector must be a detector, say Detector(), not {detector!r}")
    return detector
