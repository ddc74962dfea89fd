"""Plateau detection for sweeps: a trial that is flat is done.

`PlateauStop` needs optuna and `TuneStop` Ray Tune; each is loaded when it is first asked for.
"""

from typing import TYPE_CHECKING

from plateau.extras import loaded_by

if TYPE_CHECKING:
    from plateau_sweeps.by_optuna import PlateauStop as PlateauStop
    from plateau_sweeps.by_ray import TuneStop as TuneStop

__all__ = ["PlateauStop", "TuneStop"]

__getattr__ = loaded_by(__name__, {"PlateauStop": "optuna", "TuneStop": "ray"})
