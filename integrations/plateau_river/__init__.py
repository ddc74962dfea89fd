"""Plateau detection for river: a drift detector that knows when a stream is flat."""

try:
    import river as _river
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "plateau_river needs river: python -m pip install 'plateau-detect[river]'"
    ) from error

from plateau_river.drift import PlateauDrift as PlateauDrift

del _river

__all__ = ["PlateauDrift"]
