"""The options that the commands share, with their help."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

WHOLE = re.compile(r"[-+]?\d+")


class Mode(StrEnum):
    """Which way is better."""

    min = "min"
    max = "max"
    both = "both"


class FilterKind(StrEnum):
    """Which detector, by its slope filter if it has one."""

    auto = "auto"
    haar = "haar"
    ema = "ema"


class ScaleKind(StrEnum):
    """On which scale changes count."""

    auto = "auto"
    linear = "linear"
    log = "log"


class Unit(StrEnum):
    """What a sample is."""

    step = "step"
    row = "row"


class EventKind(StrEnum):
    """What happens while a log is watched."""

    plateau = "plateau"
    resumed = "resumed"
    ended = "ended"
    worsening = "worsening"
    nonfinite = "nonfinite"
    run = "run"


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


class ReportFormat(StrEnum):
    """What a report is written as."""

    html = "html"
    markdown = "markdown"


class FailOn(StrEnum):
    """What a run must not end in, or hold."""

    plateau = "plateau"
    worsening = "worsening"
    nan = "nan"


class Lines(StrEnum):
    """How events are printed."""

    text = "text"
    jsonl = "jsonl"


def option(
    panel: str, text: str, *names: str, least: float | None = None, metavar: str | None = None
) -> Any:
    """Return an option under a heading of the help page."""
    return typer.Option(*names, help=text, rich_help_panel=panel, min=least, metavar=metavar)


def samples(name: str, value: str | None) -> int | str | None:
    """Return what an option counts: samples, or a duration, which is checked later."""
    if value is None or WHOLE.fullmatch(value):
        return None if value is None else int(value)
    from plateau.durations import seconds_of

    try:
        seconds_of(value)
    except ValueError:
        hint = f"{value!r} is neither a number of samples nor a duration such as 90s or 30m"
        raise typer.BadParameter(hint, param_hint=f"--{name}") from None
    return value


COUNT = "INTEGER|DURATION"


LOG, DETECTOR, POLICY, OUTPUT = "Log", "Detector", "Policy", "Output"

Paths = Annotated[
    list[str],
    typer.Argument(
        help="Logs: files, folders, patterns, URLs, - for standard input.", show_default=False
    ),
]
Metric = Annotated[
    list[str] | None,
    option(LOG, "Column to watch; scan and report take several. Default: chosen."),
]
X = Annotated[
    str | None, option(LOG, "Column that says where in the run a row is. Default: chosen.", "--x")
]
Lr = Annotated[str | None, option(LOG, "Column of the learning rate. Default: chosen.")]
Better = Annotated[
    Mode | None, option(LOG, "Which way the metric gets better. Default: by its name.", "--mode")
]
RunName = Annotated[
    str | None, option(LOG, "Take only the run of this name. Default: all.", "--run")
]
RunWatched = Annotated[
    str | None,
    option(LOG, "Which of the series that words tell apart. Default: the first.", "--run"),
]
UnitOption = Annotated[
    Unit | None,
    option(
        LOG,
        "What a sample is: a step of x or a row. Default: row; for a threshold rule steps, if x "
        "counts them.",
        "--unit",
    ),
]
Detector = Annotated[
    FilterKind,
    option(
        DETECTOR, "auto: the calibrated one; else the filter of a threshold rule.", "--detector"
    ),
]
Window = Annotated[
    str | None,
    option(
        DETECTOR,
        "haar: levels in the kernel. Default: as the noise asks for; of a watch none.",
        metavar=COUNT,
    ),
]
Smooth = Annotated[
    str | None,
    option(DETECTOR, "haar: samples in a level. Default: the window.", metavar=COUNT),
]
Alpha = Annotated[float | None, option(DETECTOR, "ema: weight of a sample. Default: 2 / window.")]
Beta = Annotated[float | None, option(DETECTOR, "ema: weight of a step. Default: 2 / window.")]
Threshold = Annotated[
    float | None,
    option(
        DETECTOR,
        "Flat is less progress than this, in metric units per sample. "
        "Default: half the range per run; of a watch none.",
    ),
]
Patience = Annotated[
    str | None,
    option(DETECTOR, "Flat samples before it is a plateau. Default: the window.", metavar=COUNT),
]
Horizon = Annotated[
    str | None,
    option(
        DETECTOR,
        "Calibrated detector: samples without visible drift that make a plateau. Default: as many "
        "as the evidence takes. Where x is a time, this and all that counts samples may be a "
        "duration: 90s, 30m, 2h.",
        metavar=COUNT,
    ),
]
ScaleOption = Annotated[
    ScaleKind | None,
    option(
        DETECTOR,
        "Calibrated detector: whether changes count by their logarithm. "
        "Default: where a positive metric falls by two decades.",
        "--scale",
    ),
]
Guard = Annotated[
    bool,
    option(
        OUTPUT,
        "csv: put an apostrophe before names that a spreadsheet would take as formulas.",
        "--guard/--no-guard",
    ),
]
Memory = Annotated[
    float | None,
    option(
        LOG,
        "GiB that reading may take in each process. Default: half of the machine's, in all.",
        "--memory",
        least=0.25,
    ),
]
Output = Annotated[Format, option(OUTPUT, "How to print the results.", "--format")]
OutputFile = Annotated[
    Path | None,
    option(OUTPUT, "Write the results to this file instead of printing them.", "--output", "-o"),
]
Quiet = Annotated[bool, option(OUTPUT, "Print no table and no progress.", "--quiet", "-q")]
Plot = Annotated[
    Path | None, option(OUTPUT, "Draw the curves with their plateaus: FILE.png or .svg.")
]
Fail = Annotated[
    list[FailOn] | None,
    option(
        OUTPUT,
        "Exit with 1 if a run ends in a plateau or worsening, or holds a value that is not finite; "
        "may be repeated.",
    ),
]
Shifted = Annotated[
    float | None,
    option(
        OUTPUT,
        "Also tell which runs have shifted at some time, of which at most this share falsely.",
        metavar="RATE",
    ),
]
EventFile = Annotated[
    Path | None,
    option(OUTPUT, "Write the events to this file instead of printing them.", "--output", "-o"),
]
Command = Annotated[
    str | None,
    option(
        OUTPUT,
        "Run this by the shell for each event, which is in PLATEAU_TEXT, PLATEAU_EVENT, …",
        "--exec",
    ),
]
AlertTo = Annotated[
    list[str] | None,
    option(
        OUTPUT,
        "Send each event to webhook[:FILE], mail:ADDRESS, mlflow:RUN, tensorboard:FOLDER, "
        "trackio:PROJECT or wandb:PROJECT; may be repeated.",
        "--alert",
    ),
]
OnlyOn = Annotated[
    list[EventKind] | None,
    option(OUTPUT, "Run --exec and send --alert for these events only; may be repeated.", "--on"),
]
StateFile = Annotated[
    Path | None,
    option(OUTPUT, "Keep in this file where the watch stands, and go on from there.", "--state"),
]
Idle = Annotated[
    float | None,
    option(
        OUTPUT,
        "End after so many seconds without anything new; 0: read what is there. Default: never.",
        "--idle",
        least=0.0,
    ),
]
Alarms = Annotated[
    float | None,
    option(
        DETECTOR,
        "Of many series: false alarms that all together may give in --per samples of each. "
        "Default: each as if it were alone.",
        "--alarms",
    ),
]
Per = Annotated[
    float, option(DETECTOR, "Samples of each series for which --alarms counts.", "--per")
]
StopOn = Annotated[
    list[FailOn] | None,
    option(OUTPUT, "End with exit code 1 when this happens; may be repeated.", "--fail-on"),
]
