"""The command line: ``plateau demo``, ``scan``, ``columns``, ``replay``, ``watch``, ``report``.

What a command needs is imported when it runs: ``plateau --help`` should not wait for numba.
"""

import gc
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from plateau.options import (
    OUTPUT,
    POLICY,
    Alpha,
    Beta,
    Better,
    Command,
    Detector,
    EventFile,
    Fail,
    FailOn,
    Format,
    Horizon,
    Idle,
    Kind,
    Lines,
    Lr,
    Metric,
    Mode,
    Output,
    OutputFile,
    Paths,
    Patience,
    Plot,
    Quiet,
    ReportFormat,
    RunName,
    Smooth,
    StateFile,
    StopOn,
    Threshold,
    Unit,
    UnitOption,
    Window,
    X,
    option,
)

if TYPE_CHECKING:
    from types import ModuleType

    from rich.console import Console

    from plateau.export import Columns, LogScan
    from plateau.logs import Log
    from plateau.rule import Rule

SIGPIPE = 13
GARBAGE = 100_000  # objects made before the collector looks for cycles
T = TypeVar("T")

app = typer.Typer(
    help="Tell when a metric has stopped moving.",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Tell when a metric has stopped moving."""
    if show:
        from importlib.metadata import version as installed

        typer.echo(f"plateau {installed('plateau-detect')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def demo(
    plot: Annotated[Path, option(OUTPUT, "Where to write the picture.")] = Path("plateau.png"),
    report: Annotated[Path, option(OUTPUT, "Where to write the page.")] = Path("plateau.html"),
) -> None:
    """Find the plateaus of the bundled training log; nothing to prepare."""
    from plateau.logs import read_log
    from plateau.report import html
    from plateau.rule import Rule
    from plateau.terminal import show_scan

    check_files(Format.json, None, plot)
    with as_file(files("plateau") / "data" / "sample.log") as sample:
        scans = scanned([str(sample)], read_log, Rule(), None, quiet=False)
    show_scan(console(), scans)
    draw(scans, plot)
    typer.echo(f"Picture written to {plot}")
    write(report, html(scans))
    typer.echo(f"Report written to {report}: open it in a browser")


@app.command()
def scan(
    paths: Paths,
    metric: Metric = None,
    x: X = None,
    lr: Lr = None,
    mode: Better = None,
    run: RunName = None,
    unit: UnitOption = None,
    detector: Detector = Kind.auto,
    window: Window = None,
    smooth: Smooth = None,
    alpha: Alpha = None,
    beta: Beta = None,
    threshold: Threshold = None,
    patience: Patience = None,
    horizon: Horizon = None,
    output_format: Output = Format.table,
    output: OutputFile = None,
    plot: Plot = None,
    fail_on: Fail = None,
    quiet: Quiet = False,
) -> None:
    """Find the plateaus of every run in saved logs."""
    from plateau.export import SCAN_COLUMNS, scan_document, scan_rows
    from plateau.rule import Rule
    from plateau.summary import is_long, show_summary
    from plateau.terminal import show_scan

    check_files(output_format, output, plot)
    with clear_errors():
        rule = Rule(detector.value, window, smooth, alpha, beta, threshold, patience, horizon)
    read_one = asking(metric, x, lr, mode, run)
    scans = scanned(paths, read_one, rule, unit, quiet=quiet)
    if output_format is not Format.table:
        emit(output_format, output, scan_document(scans), scan_rows(scans), SCAN_COLUMNS)
    elif not quiet:
        show = show_summary if is_long(scans) else show_scan
        show(console(), scans)
    if plot:
        draw(scans, plot)
    gate(scans, fail_on)


@app.command()
def report(
    paths: Paths,
    metric: Metric = None,
    x: X = None,
    lr: Lr = None,
    mode: Better = None,
    run: RunName = None,
    unit: UnitOption = None,
    detector: Detector = Kind.auto,
    window: Window = None,
    smooth: Smooth = None,
    alpha: Alpha = None,
    beta: Beta = None,
    threshold: Threshold = None,
    patience: Patience = None,
    horizon: Horizon = None,
    output_format: Annotated[
        ReportFormat, option(OUTPUT, "A page, or a summary for a comment.", "--format")
    ] = ReportFormat.html,
    output: Annotated[
        Path | None,
        option(
            OUTPUT,
            "Where to write it. Default: report.html; Markdown is printed.",
            *("--output", "-o"),
        ),
    ] = None,
    fail_on: Fail = None,
    quiet: Quiet = False,
) -> None:
    """Write curves and plateaus of saved logs as one page that opens without a network."""
    from plateau.report import html, markdown
    from plateau.rule import Rule

    with clear_errors():
        rule = Rule(detector.value, window, smooth, alpha, beta, threshold, patience, horizon)
    read_one = asking(metric, x, lr, mode, run)
    scans = scanned(paths, read_one, rule, unit, quiet=quiet)
    if output_format is ReportFormat.html:
        output = output or Path("report.html")
        write(output, html(scans))
    elif output:
        write(output, markdown(scans))
    else:
        typer.echo(markdown(scans), nl=False)
    if output and not quiet:
        typer.echo(f"Report written to {output}")
    gate(scans, fail_on)


@app.command()
def columns(
    paths: Paths,
    metric: Metric = None,
    x: X = None,
    lr: Lr = None,
    mode: Better = None,
) -> None:
    """Show what was found in logs, and what was chosen and why."""
    from plateau.describe import show_columns
    from plateau.logs.find import find_logs
    from plateau.logs.material import Asked
    from plateau.logs.reader import read_material

    asked = Asked(metric, x, lr, mode.value if mode else None)
    shown = 0
    for one in find_logs(paths, complain):
        try:
            with clear_errors(one.path):
                material = read_material(one.path, asked)
                if shown:
                    typer.echo()
                show_columns(console(), material)
                shown += 1
        except typer.TyperException as error:
            complain(error.message)
    if not shown:
        raise typer.Exit(2)


@app.command()
def replay(
    path: Annotated[str, typer.Argument(help="Log, - for standard input.", show_default=False)],
    metric: Metric = None,
    x: X = None,
    lr: Lr = None,
    mode: Better = None,
    run: RunName = None,
    unit: UnitOption = None,
    detector: Detector = Kind.auto,
    window: Window = None,
    smooth: Smooth = None,
    alpha: Alpha = None,
    beta: Beta = None,
    threshold: Threshold = None,
    patience: Patience = None,
    horizon: Horizon = None,
    factor: Annotated[float, option(POLICY, "A reduction multiplies the rate by this.")] = 0.5,
    max_reductions: Annotated[int, option(POLICY, "Reductions at most.")] = 8,
    min_lr: Annotated[float, option(POLICY, "Never reduce the rate below this.", "--min-lr")] = 0.0,
    cooldown: Annotated[int, option(POLICY, "Samples after a change without another.")] = 0,
    restart_after: Annotated[
        int | None,
        option(POLICY, "Reductions in a row without progress before a restart. Default: never."),
    ] = None,
    restart_factor: Annotated[
        float, option(POLICY, "A restart multiplies the rate by this.")
    ] = 4.0,
    initial_lr: Annotated[
        float | None,
        option(POLICY, "Rate to begin with. Default: the log's, else 1.", "--initial-lr"),
    ] = None,
    output_format: Output = Format.table,
    output: OutputFile = None,
    quiet: Quiet = False,
) -> None:
    """Tell where a plateau scheduler would have changed the learning rate of a run.

    A replay is exact only as far as the log's own schedule agrees with it: from the first
    difference on, the metric in the log was made with another learning rate.
    """
    from plateau.export import REPLAY_COLUMNS, replay_document, replay_rows
    from plateau.logs import read_log
    from plateau.policy import Policy
    from plateau.replay import replay_run
    from plateau.rule import Rule
    from plateau.terminal import show_replay

    check_files(output_format, output, None)
    tell_of_compiling()
    with clear_errors():
        rule = Rule(detector.value, window, smooth, alpha, beta, threshold, patience, horizon)
        policy = Policy(factor, max_reductions, min_lr, cooldown, restart_after, restart_factor)
    with clear_errors(path):
        log = read_log(path, metric=metric, x=x, lr=lr, mode=mode.value if mode else None, run=run)
        if len(log.runs) > 1:
            names = ", ".join(each.name for each in log.runs)
            raise ValueError(f"{path}: has {len(log.runs)} runs, choose one with --run: {names}")
        done = replay_run(
            log.runs[0],
            rule,
            policy,
            unit=unit.value if unit else None,
            initial_lr=initial_lr,
            track=bar(quiet=quiet),
        )
    if output_format is not Format.table:
        rows = replay_rows(log.path, done)
        emit(output_format, output, replay_document(log.path, done), rows, REPLAY_COLUMNS)
    elif not quiet:
        show_replay(console(), log, done)


@app.command()
def watch(
    path: Annotated[
        str,
        typer.Argument(
            help="Log, folder of TensorBoard, - for standard input.", show_default=False
        ),
    ],
    metric: Metric = None,
    x: X = None,
    lr: Lr = None,
    mode: Better = None,
    unit: UnitOption = None,
    detector: Detector = Kind.auto,
    window: Window = None,
    smooth: Smooth = None,
    alpha: Alpha = None,
    beta: Beta = None,
    threshold: Threshold = None,
    patience: Patience = None,
    horizon: Horizon = None,
    output_format: Annotated[Lines, option(OUTPUT, "How to print events.", "--format")] = (
        Lines.text
    ),
    output: EventFile = None,
    command: Command = None,
    state: StateFile = None,
    idle: Idle = None,
    fail_on: StopOn = None,
    quiet: Annotated[bool, option(OUTPUT, "Show no status line.", "--quiet", "-q")] = False,
) -> None:
    """Follow a log that is being written, and print what happens as it happens."""
    import signal

    from plateau.logs.material import Asked
    from plateau.rule import Rule
    from plateau.watching.session import Options, Session, Stop
    from plateau.watching.status import Status
    from plateau.watching.teller import Teller

    tell_of_compiling()
    status = Status(quiet=quiet)
    for file in (output, state):
        if file and not file.parent.is_dir():
            raise typer.TyperException(f"{file}: no such folder")

    def tell(message: str) -> None:
        status("")
        complain(message)

    with clear_errors():
        rule = Rule(detector.value, window, smooth, alpha, beta, threshold, patience, horizon)
        options = Options(
            path,
            Asked(metric, x, lr, mode.value if mode else None),
            rule,
            unit.value if unit else None,
            {each.value for each in fail_on or ()},
            idle,
            state,
        )
    as_json = output_format is Lines.jsonl
    teller = Teller(json=as_json, output=output, command=command, complain=tell)
    session = Session(options, teller, tell, status)
    try:
        with clear_errors():
            session.resume()
        with clear_errors(path), Stop() as stop:
            session.run(stop)
    finally:
        status("")
    if session.failed:
        raise typer.Exit(1)
    if stop.by == signal.SIGINT:
        raise typer.Exit(128 + stop.by)


def asking(
    metric: str | None, x: str | None, lr: str | None, mode: Mode | None, run: str | None
) -> "Callable[..., Log]":
    """Return what reads a log and takes the columns that are asked for, or all equally good."""
    from plateau.logs import read_log

    return partial(
        read_log,
        metric=metric,
        x=x,
        lr=lr,
        mode=mode.value if mode else None,
        run=run,
        equals=metric is None,
    )


def scanned(
    paths: Sequence[str],
    read_one: Callable[..., "Log"],
    rule: "Rule",
    unit: Unit | None,
    *,
    quiet: bool,
) -> "list[LogScan]":
    """Scan logs one after the other; those that cannot be read get a line on stderr each."""
    from plateau.export import LogScan
    from plateau.logs.find import find_logs
    from plateau.logs.model import LogError, NoSeriesError
    from plateau.logs.parallel import read_logs
    from plateau.offline import scan_run, untracked

    tell_of_compiling()
    scans: list[LogScan] = []
    no_logs: list[str] = []
    found = find_logs(paths, complain)
    # One bar at a time: over the files, or within the only one.
    files, within = (
        (bar(quiet=quiet), untracked) if len(found) > 1 else (untracked, bar(quiet=quiet))
    )
    if len(found) == 1:
        read_one = reading(read_one, quiet=quiet)
    for one, log in files(read_logs(found, read_one), len(found)):
        if isinstance(log, NoSeriesError) and one.folder is not None:
            no_logs.append(one.path)
        elif isinstance(log, LogError):
            complain(str(log))
        else:
            try:
                with clear_errors(one.path):
                    runs = [
                        scan_run(each, rule, unit.value if unit else None, within)
                        for each in log.runs
                    ]
                    scans.append(LogScan(log, runs))
            except typer.TyperException as error:
                complain(error.message)
    if no_logs:
        complain(told(no_logs))
    if not scans:
        raise typer.Exit(2)
    return scans


def tell_of_compiling() -> None:
    """Tell a person why the first use takes longer."""
    if sys.stderr.isatty():
        from plateau._compile import when_compiling

        when_compiling(lambda: complain("compiling the detector, which is done once: about 10 s"))


def told(no_logs: Sequence[str]) -> str:
    """Say which files of a folder are no logs, without a line for each."""
    shown = ", ".join(no_logs[:4]) + (" and others" if len(no_logs) > 4 else "")
    many = len(no_logs) > 1
    what = f"{len(no_logs)} files hold" if many else "1 file holds"
    return f"{what} no series of numbers and {'were' if many else 'was'} left out: {shown}"


def bar(*, quiet: bool) -> "Callable[[Iterable[T], int], Iterable[T]]":
    """Return what passes things on and shows on a terminal how far they are."""
    from plateau.offline import untracked

    if quiet or not sys.stderr.isatty():
        return untracked
    from rich.progress import track

    errors = console(stderr=True)
    return lambda things, count: track(
        things, "Scanning", total=count, console=errors, transient=True
    )


def reading(read_one: "Callable[..., Log]", *, quiet: bool) -> "Callable[[str], Log]":
    """Show on a terminal how far the reading of a large log is."""
    if quiet or not sys.stderr.isatty():
        return read_one
    from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("Reading"), DownloadColumn(), TransferSpeedColumn())

    def read(path: str) -> "Log":
        with Progress(*columns, console=console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=None, visible=False)
            return read_one(
                path,
                told=lambda done, size: progress.update(
                    task, completed=done, total=size, visible=True
                ),
            )

    return read


def emit(
    output_format: Format,
    output: Path | None,
    document: dict[str, Any],
    rows: list[dict[str, Any]],
    columns: "Columns",
) -> None:
    """Print results for programs, or write them to a file."""
    from plateau.export import rendered, write_whole

    data = rendered(output_format.value, document, rows, columns)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with clear_errors(output):
        write_whole(output, data)


def write(path: Path, text: str) -> None:
    """Write a text to a file, whole or not at all."""
    from plateau.export import write_whole

    with clear_errors(path):
        write_whole(path, text.encode())


def gate(scans: "list[LogScan]", fail_on: Sequence[FailOn] | None) -> None:
    """Exit with 1 if a run ends as it must not."""
    failings = {one for scan in scans for found in scan.runs for one in found.failings}
    if failings & {each.value for each in fail_on or ()}:
        raise typer.Exit(1)


def draw(scans: "list[LogScan]", plot: Path) -> None:
    """Write the picture; say so if not every run fits."""
    from plateau.plots import plot_scans

    with clear_errors(plot):
        left_out = plot_scans(scans, plot)
    if left_out:
        complain(f"{plot}: {left_out} more runs are not shown, choose one with --run")


def check_files(output_format: Format, output: Path | None, plot: Path | None) -> None:
    """Refuse files that could not be written, before the work."""
    if output and output_format is Format.table:
        raise typer.TyperException("--output needs --format json, jsonl, csv or parquet")
    if output_format is Format.parquet and not output and sys.stdout.isatty():
        raise typer.TyperException("parquet is no text: give a file with --output")
    if plot and plot.suffix.lower() not in (".png", ".svg"):
        raise typer.TyperException(f"--plot {plot}: the name must end in .png or .svg")


@contextmanager
def clear_errors(path: str | Path | None = None) -> Iterator[None]:
    """Turn what went wrong into one line that names the file."""
    try:
        yield
    except (ValueError, TypeError) as error:
        message = str(error)
    except OSError as error:
        message, path = error.strerror or str(error), path or error.filename
    else:
        return
    prefix = f"{path}: " if path and str(path) not in message else ""
    raise typer.TyperException(prefix + message) from None


def console(*, stderr: bool = False) -> "Console":
    """Return a rich console for standard output or standard error."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    made.width = max(made.width, 80)  # numbers cut off are of no use, wrapped ones are
    return made


def complain(message: str) -> None:
    """Print one line on standard error."""
    typer.echo(f"plateau: {' '.join(message.split())}", err=True)


def hurry() -> None:
    """Leave out what costs time at the start and is of no use in a process of the command line."""
    # Importing what a scan needs makes many objects and hardly any garbage: the collector would
    # look at them for 0.1 s.
    gc.set_threshold(GARBAGE)
    # numba imports SciPy where there is one, which takes 0.3 s, for linear algebra that no kernel
    # uses.
    sys.modules.setdefault("scipy", cast("ModuleType", None))


def main() -> None:
    """Run the command line: exit 0 done, 1 ``--fail-on`` matched, 2 bad usage or input."""
    hurry()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a chart on a terminal that knows no braille
    try:
        code = typer.main.get_command(app).main(prog_name="plateau", standalone_mode=False)
    except typer.TyperException as error:
        complain(error.format_message())
        code = 2
    except OSError as error:
        complain(error.strerror or str(error))
        code = 2
    except MemoryError as error:
        complain(str(error) or "not enough memory")
        code = 2
    except SystemExit:  # the reader of standard output has gone
        code = 128 + SIGPIPE
    sys.exit(code or 0)
