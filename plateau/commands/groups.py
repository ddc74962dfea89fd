"""Options that several commands share, as groups: a command names the group, not its options."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import typer

from plateau.commands.messages import clear_errors
from plateau.commands.options import (
    Alpha,
    Beta,
    Better,
    Detector,
    FilterKind,
    Horizon,
    Lr,
    Metric,
    Patience,
    ScaleOption,
    Smooth,
    Threshold,
    Window,
    X,
    samples,
)

if TYPE_CHECKING:
    from plateau.logs.choosing.asked import Asked
    from plateau.rule import Rule


@dataclass(frozen=True)
class ColumnOptions:
    """Which columns of a log are taken."""

    metric: Metric = None
    x: X = None
    lr: Lr = None
    mode: Better = None

    def chosen(self) -> dict[str, Any]:
        """Return x, learning rate and mode as keyword arguments for a reader."""
        return {"x": self.x, "lr": self.lr, "mode": self.mode.value if self.mode else None}

    def asked(self) -> "Asked":
        """Return all of them as one object for a reader."""
        from plateau.logs.choosing.asked import Asked

        return Asked(self.one(), self.x, self.lr, self.mode.value if self.mode else None)

    def one(self) -> str | None:
        """Return the metric for a command that takes no more than one."""
        if self.metric and len(self.metric) > 1:
            raise typer.BadParameter("only scan and report take several", param_hint="--metric")
        return self.metric[0] if self.metric else None


@dataclass(frozen=True)
class RuleOptions:
    """Which detector is used, with which settings."""

    detector: Detector = FilterKind.auto
    window: Window = None
    smooth: Smooth = None
    alpha: Alpha = None
    beta: Beta = None
    threshold: Threshold = None
    patience: Patience = None
    horizon: Horizon = None
    scale: ScaleOption = None

    def rule(self) -> "Rule":
        """Return the rule that they describe, or say what does not fit."""
        from plateau.rule import Rule

        with clear_errors():
            return Rule(
                self.detector.value,
                samples("window", self.window),
                samples("smooth", self.smooth),
                self.alpha,
                self.beta,
                self.threshold,
                samples("patience", self.patience),
                samples("horizon", self.horizon),
                self.scale.value if self.scale else None,
            )


def grouped(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that its groups consist of."""
    signature = inspect.signature(function, eval_str=True)
    groups = {
        name: inspect.signature(each.annotation, eval_str=True).parameters
        for name, each in signature.parameters.items()
        if isinstance(each.annotation, type) and is_dataclass(each.annotation)
    }
    parts = [groups.get(name, {name: each}) for name, each in signature.parameters.items()]
    options = [each.replace(kind=each.KEYWORD_ONLY) for part in parts for each in part.values()]

    @wraps(function)
    def command(**given: Any) -> None:
        for name, parameters in groups.items():
            make = signature.parameters[name].annotation
            given[name] = make(**{each: given.pop(each) for each in parameters})
        function(**given)

    asked: Any = command
    asked.__signature__ = signature.replace(parameters=options)  # which typer asks for
    return command
