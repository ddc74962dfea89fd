"""What an experiment is made of: a TOML file that names a configuration and what to vary."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plateau.checks import one_of, positive, whole
from plateau_face.config import SCHEDULES, Config, checked, from_command_line

KEYS = ("title", "schedules", "epochs", "seeds", "reach", "best_of", "config", "schedule")
GOVERNED = ("schedule", "epochs", "seed")
"""Names of the configuration that differ from run to run."""
PLACES = ("data", "identities", "val", "val_folder", "synthetic_cache", "threads", "device")
"""Names of the configuration that say where and on what, not what is trained."""
SEEDS_LEAST = 3
"""Fewer say nothing of how much the seed matters."""


@dataclass(frozen=True)
class Run:
    """One training of an experiment."""

    schedule: str
    """Its name in the experiment: a schedule, or one that has a table with another name."""
    epochs: int
    seed: int
    config: Config

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.schedule}-{self.epochs}-{self.seed}"


@dataclass(frozen=True)
class Experiment:
    """Schedules × budgets × seeds, and the configuration that all have in common."""

    title: str
    schedules: tuple[str, ...]
    epochs: tuple[int, ...]
    """The budgets, the full one first."""
    seeds: tuple[int, ...]
    reach: float
    """Training loss to reach."""
    over: int
    """Steps whose mean loss must reach it."""
    best_of: tuple[str, ...]
    """Schedules of which the best with the full budget is what the others are compared with."""
    runs: tuple[Run, ...]
    """Seed by seed, so that what is there early compares."""


def load_experiment(
    path: Path,
    overrides: Iterable[str] = (),
    given: Mapping[str, Any] | None = None,
    *,
    only_report: bool = False,
) -> Experiment:
    """Read an experiment.

    Parameters
    ----------
    path : Path
        TOML file, see the documentation's page on the experiment.
    overrides, given
        What the command line says of the configuration, as for `plateau_face.config.load_config`.
        It holds for all runs, before what the file says of single schedules.
    only_report : bool, default False
        Nothing will be trained: it need not be known where the data are.

    Raises
    ------
    ValueError
        If the file cannot be read or says something that cannot be done.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        from_line = from_command_line(overrides, given or {})
        return _experiment(table, from_line, only_report)
    except (ValueError, TypeError) as error:  # also of the TOML and of its encoding
        raise ValueError(f"{path}: {error}") from None


def _experiment(table: dict[str, Any], from_line: dict[str, Any], only_report: bool) -> Experiment:
    _refuse_unknown("an experiment", table, KEYS)
    lists = {name: _list(table, name) for name in ("schedules", "epochs", "seeds")}
    special = _table(table, "schedule")
    schedules = [_schedule_name(name, special) for name in lists["schedules"]]
    epochs = sorted((whole("epochs", count, least=1) for count in lists["epochs"]), reverse=True)
    seeds = [whole("seeds", seed, least=0) for seed in lists["seeds"]]
    if len(seeds) < SEEDS_LEAST:
        raise ValueError(f"seeds must be at least {SEEDS_LEAST}, not {len(seeds)}")
    reach = _table(table, "reach")
    _refuse_unknown("reach", reach, ("loss", "over"))
    if "loss" not in reach:
        raise ValueError("reach.loss is missing: the training loss whose steps are counted")

    base = _table(table, "config") | from_line
    _refuse_unknown("schedule", special, schedules)
    if only_report and not base.get("synthetic"):
        base = base | {"data": ["."], "val": ["."]}
    runs = []
    for seed in seeds:
        for count in epochs:
            for name in schedules:
                own = _table(special, name)
                if count in _list(own, "epochs", epochs):
                    config = _config(base, own, name, count, seed)
                    runs.append(Run(name, count, seed, config))
    best_of = _list(table, "best_of", schedules)
    _refuse_unknown("best_of", dict.fromkeys(best_of), schedules)
    return Experiment(
        str(table.get("title", "")),
        tuple(schedules),
        tuple(epochs),
        tuple(seeds),
        positive("reach.loss", reach["loss"]),
        whole("reach.over", reach.get("over", 100), least=1),
        tuple(best_of),
        tuple(runs),
    )


def _schedule_name(name: Any, special: Mapping[str, Any]) -> str:
    """Return the name of a schedule, or one whose table says which it is."""
    own = _table(special, name) if isinstance(name, str) else {}
    if "schedule" not in own:
        return one_of("schedules", name, SCHEDULES)
    if name in SCHEDULES:
        raise ValueError(f"schedule.{name} is a schedule already: give that table another name")
    if not name.replace("_", "").isalnum():
        raise ValueError(f"{name!r} must be of letters, digits and _: folders are named by it")
    return str(name)


def _config(
    base: Mapping[str, Any], own: Mapping[str, Any], name: str, epochs: int, seed: int
) -> Config:
    for governed in GOVERNED:
        if governed in base:
            raise ValueError(f"{governed} is what the runs differ in: it cannot be set for all")
    if "seed" in own:
        raise ValueError("seed is what the runs differ in: it cannot be set for all")
    values = {"schedule": name, **base, **own, "epochs": epochs, "seed": seed}
    config = Config(**checked(values))
    if not (config.val or config.synthetic):
        raise ValueError("there is nothing to verify on: name a set with --val")
    return config


def _refuse_unknown(where: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in table:
        if name not in known:
            raise ValueError(f"there is no {name!r} in {where}, only {', '.join(known)}")


def _list(table: Mapping[str, Any], name: str, default: list[Any] | None = None) -> list[Any]:
    if name not in table and default is not None:
        return default
    if name not in table:
        raise ValueError(f"{name} is missing: a list")
    values = table[name]
    if not isinstance(values, list) or not values:
        raise ValueError(f"{name} must be a list of what to compare, not {values!r}")
    if any(value in values[:index] for index, value in enumerate(values)):
        raise ValueError(f"{name} has something twice: {values!r}")
    return values


def _table(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    values = table.get(name, {})
    if not isinstance(values, dict):
        raise ValueError(f"{name} must be a table, not {values!r}")
    return values
