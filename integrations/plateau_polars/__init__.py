"""Plateau detection in Polars: the namespace ``plateau`` of expressions and of Series."""

from plateau_polars.namespaces import PlateauExpr as PlateauExpr
from plateau_polars.namespaces import PlateauSeries as PlateauSeries

__all__ = ["PlateauExpr", "PlateauSeries"]
