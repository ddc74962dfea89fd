"""Checks of a saved state: each returns an entry in its plain form or names what is wrong in it."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from plateau._arguments import number, whole
from plateau.detecting import Detecting
from plateau.policy import PolicyState

NESTING = (Mapping, list, tuple)

DEEPEST = 32
"""Lists and dicts within each other."""


def entries(kind: str, state: Any, wanted: Collection[str]) -> Mapping[str, Any]:
    """Return the state if it is a dict of these entries, none of which is too deep to be shown."""
    if _is_deep(state):
        raise _damaged("lists within lists without end")
    if not isinstance(state, Mapping):
        raise ValueError(f"a state of {kind} must be a dict that state_dict() made, not {state!r}")
    if state.keys() != set(wanted):
        raise ValueError(
            f"a state of {kind} has {', '.join(wanted)}, not {', '.join(map(str, state))}"
        )
    return state


def _is_deep(state: Any) -> bool:
    """Whether lists and dicts lie deeper in each other than any state has them."""
    level = {id(state): state}  # what lies in many places is looked at once
    for _ in range(DEEPEST):
        level = {
            id(part): part
            for each in level.values()
            if isinstance(each, NESTING)
            for part in (each.values() if isinstance(each, Mapping) else each)
            if isinstance(part, NESTING)
        }
    return bool(level)


def refuse_others(saved: Any, mine: Mapping[str, Any]) -> None:
    """Refuse parameters that differ from the present ones; name those that do."""
    if not isinstance(saved, Mapping) or saved.keys() != mine.keys():
        raise ValueError(f"state is damaged: its parameters must be {', '.join(mine)}")
    differ = [
        f"{name}={saved[name]!r}, here it is {value!r}"
        for name, value in mine.items()
        if saved[name] != value
    ]
    if differ:
        raise ValueError(f"state was saved with {'; '.join(differ)}")


def count(name: str, value: Any) -> int:
    """Return a whole number of at least 0."""
    try:
        return whole(name, value, least=0)
    except (TypeError, ValueError) as error:
        raise _damaged(error) from None


def flag(name: str, value: Any) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise _damaged(f"{name} must be True or False, not {value!r}")
    return value


def text(name: str, value: Any) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise _damaged(f"{name} must be text, not {value!r}")
    return value


def rate(name: str, value: Any) -> float:
    """Return a learning rate."""
    result = finite(name, value)
    if result < 0:
        raise _damaged(f"{name} must be at least 0, not {result}")
    return result


def rates(name: str, value: Any) -> list[float]:
    """Return learning rates of param groups."""
    return [rate(name, one) for one in _listed(name, value)]


def waiting(value: Any) -> list[float | None]:
    """Return losses that were not taken yet; None is one that is not finite."""
    losses = _listed("waiting", value)
    return [None if loss is None else finite("waiting", loss) for loss in losses]


def finite(name: str, value: Any) -> float:
    """Return a finite number."""
    try:
        return number(name, value)
    except (TypeError, ValueError) as error:
        raise _damaged(error) from None


def best(state: Mapping[str, Any]) -> tuple[float, int | None]:
    """Return the best value of a state and its step: NaN and None, if there is none."""
    value = None if state["best"] is None else finite("best", state["best"])
    step = None if state["best_step"] is None else count("best_step", state["best_step"])
    if (value is None) != (step is None):
        raise _damaged("best and best_step are both None or both numbers")
    return math.nan if value is None else value, step


def plain(state: PolicyState) -> dict[str, Any]:
    """Return what a policy remembers as JSON has it: a level that is not known is None."""
    level = state.level if math.isfinite(state.level) else None
    return state._asdict() | {"level": level}


def policy_state(value: Any) -> PolicyState:
    """Return what a policy remembers."""
    fields = PolicyState._fields
    if not isinstance(value, Mapping) or value.keys() != set(fields):
        raise _damaged(f"policy_state must be a dict of {', '.join(fields)}, not {value!r}")
    numbers = ("highest", "level", "error")
    counts = {name: count(name, value[name]) for name in fields if name not in numbers}
    level = math.inf if value["level"] is None else finite("level", value["level"])
    highest, error = rate("highest", value["highest"]), rate("error", value["error"])
    return PolicyState(**counts, highest=highest, level=level, error=error)


def load_detector(detector: Detecting, state: Any) -> None:
    """Let the detector take over its state; if it refuses, that stays as it was."""
    try:
        detector.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"detector: {error}") from None


def _listed(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _damaged(f"{name} must be a list, not {value!r}")
    return list(value)


def _damaged(problem: object) -> ValueError:
    return ValueError(f"state is damaged: {problem}")
