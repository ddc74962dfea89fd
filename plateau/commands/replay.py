"""``plateau replay``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from plateau.commands.groups import ColumnOptions, RuleOptions, grouped
from plateau.commands.messages import clear_errors, console
from plateau.commands.options import (
    COUNT,
    POLICY,
    Format,
    Guard,
    Memory,
    Output,
    OutputFile,
    Quiet,
    RunName,
    UnitOption,
    option,
    samples,
)
from plateau.commands.results import check_files, emit, keep_apart
from plateau.commands.scanning import asking, bar, read_apart

if TYPE_CHECKING:
    from plateau.logs.model import Run
    from plateau.policy import Policy


@dataclass(frozen=True)
class PolicyOptions:
    """What a plateau scheduler does about a plateau."""

    factor: Annotated[float, option(POLICY, "A reduction multiplies the rate by this.")] = 0.5
    max_reductions: Annotated[int, option(POLICY, "Reductions at most.")] = 8
    min_lr: Annotated[float, option(POLICY, "Never reduce the rate below this.", "--min-lr")] = 0.0
    cooldown: Annotated[
        str, option(POLICY, "Samples after a change without another.", metavar=COUNT)
    ] = "0"
    restart_after: Annotated[
        int | None,
        option(POLICY, "Reductions in a row without progress before a restart. Default: never."),
    ] = None
    restart_factor: Annotated[float, option(POLICY, "A restart multiplies the rate by this.")] = 4.0

    def policy(self, run: "Run | None" = None) -> "Policy":
        """Return the policy that they describe for a run, or say what does not fit."""
        from plateau.durations import in_samples, step_of
        from plateau.policy import Policy

        cooldown = samples("cooldown", self.cooldown) or 0
        if run is not None:
            step = step_of(run.x) if run.clock else None
            cooldown = in_samples("cooldown", cooldown, step, run.x_name)
        known = 0 if isinstance(cooldown, str) else cooldown
        with clear_errors():
            return Policy(**{**vars(self), "cooldown": known})


@grouped
def replay(
    path: Annotated[str, typer.Argument(help="Log, - for standard input.", show_default=False)],
    columns: ColumnOptions,
    settings: RuleOptions,
    reaction: PolicyOptions,
    run: RunName = None,
    unit: UnitOption = None,
    initial_lr: Annotated[
        float | None,
        option(POLICY, "Rate to begin with. Default: the log's, else 1.", "--initial-lr"),
    ] = None,
    output_format: Output = Format.table,
    output: OutputFile = None,
    memory: Memory = None,
    guard: Guard = True,
    quiet: Quiet = False,
) -> None:
    """Tell where a plateau scheduler would have changed the learning rate of a run.

    A replay is exact only as far as the log's own schedule agrees with it: from the first
    difference on, the metric in the log was made with another learning rate.
    """
    from plateau.export import REPLAY_COLUMNS, replay_document, replay_rows
    from plateau.replay import replay_run
    from plateau.showing.terminal import show_replay

    check_files(output_format, output, None)
    keep_apart([path], [output])
    rule, _ = settings.rule(), reaction.policy()  # before the log is read
    with clear_errors(path):
        log = read_apart(path, asking(columns, run, equals=False), memory)
        if len(log.runs) > 1:
            names = ", ".join(each.name for each in log.runs)
            raise ValueError(f"{path}: has {len(log.runs)} runs, choose one with --run: {names}")
        done = replay_run(
            log.runs[0],
            rule,
            reaction.policy(log.runs[0]),
            unit=unit.value if unit else None,
            initial_lr=initial_lr,
            track=bar(quiet=quiet),
        )
    if output_format is not Format.table:
        rows = replay_rows(log.path, done)
        document = replay_document(log.path, done)
        emit(output_format, output, document, rows, REPLAY_COLUMNS, guard=guard)
    elif not quiet:
        show_replay(console(), log, done)
