"""``plateau watch``."""

import errno
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from plateau._notice import tell_by
from plateau.commands.groups import ColumnOptions, RuleOptions, grouped
from plateau.commands.messages import clear_errors, complain
from plateau.commands.options import (
    OUTPUT,
    Alarms,
    AlertTo,
    Command,
    EventFile,
    Idle,
    Lines,
    OnlyOn,
    Per,
    RunWatched,
    StateFile,
    StopOn,
    UnitOption,
    option,
)
from plateau.commands.results import keep_apart

if TYPE_CHECKING:
    from plateau.alerts import Alerts


@grouped
def watch(
    path: Annotated[
        str,
        typer.Argument(
            help="Log, folder of logs or of TensorBoard, - for standard input.",
            show_default=False,
        ),
    ],
    columns: ColumnOptions,
    settings: RuleOptions,
    run: RunWatched = None,
    unit: UnitOption = None,
    output_format: Annotated[Lines, option(OUTPUT, "How to print events.", "--format")] = (
        Lines.text
    ),
    output: EventFile = None,
    command: Command = None,
    alert: AlertTo = None,
    on: OnlyOn = None,
    state: StateFile = None,
    idle: Idle = None,
    alarms: Alarms = None,
    per: Per = 86_400.0,
    fail_on: StopOn = None,
    quiet: Annotated[bool, option(OUTPUT, "Show no status line.", "--quiet", "-q")] = False,
) -> None:
    """Follow a log that is being written, and print what happens as it happens."""
    from plateau.watching.lock import lock_of
    from plateau.watching.many import Many, holds_many
    from plateau.watching.session import Options, Session
    from plateau.watching.status import Status
    from plateau.watching.stop import Stop
    from plateau.watching.teller import Teller

    status, stop = Status(quiet=quiet), Stop()
    for file in (output, state):
        if file and not file.parent.is_dir():
            raise typer.TyperException(f"{file}: no such folder")
    if on and not (command or alert):
        raise typer.TyperException("--on chooses events for --exec and --alert: give one of them")
    keep_apart([path], [output, state, lock_of(state) if state else None])

    def tell(message: str) -> None:
        status("")
        complain(message)

    tell_by(tell)
    rule = settings.rule()
    with clear_errors():
        options = Options(
            path,
            replace(columns.asked(), run=run),
            rule,
            unit.value if unit else None,
            {each.value for each in fail_on or ()},
            idle,
            state,
            alarms,
            per,
        )
    as_json = output_format is Lines.jsonl
    teller = Teller(
        json=as_json,
        output=output,
        command=command,
        alerts=alerts_to(alert, tell),
        complain=tell,
        stop=stop,
        on=on or (),
    )
    session: Many | Session = Session(options, teller, tell, status)
    if holds_many(path):
        session = Many(options, teller, tell, status)
    try:
        with clear_errors():
            session.resume()
        with clear_errors(path), stop:
            session.run(stop)
    finally:
        session.close()
        status("")
    if session.failed:
        raise typer.Exit(1)
    if teller.unheard:
        raise BrokenPipeError(errno.EPIPE, "nobody reads standard output")
    if stop.by == signal.SIGINT:
        raise typer.Exit(128 + stop.by)


def alerts_to(places: list[str] | None, complain: Callable[[str], None]) -> "Alerts | None":
    """Return what sends alerts to these places, None if there are none."""
    if not places:
        return None
    from plateau.alerts import Alerts
    from plateau.alerts.asked import sink_of

    with clear_errors():
        sinks = [sink_of(place) for place in places]
    return Alerts(*sinks, complain=lambda line: complain(f"--alert: {line}"))
