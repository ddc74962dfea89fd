"""The table of formats: a log is of the first one that recognises it.

Reading, `plateau watch`, messages, the page on saved logs and the fuzzing of readers follow from
this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateau.logs.files.lines import UTF16
from plateau.logs.formats import (
    arrays,
    columnar,
    influx,
    json_document,
    json_lines,
    lines_of_text,
    matlab,
    mlflow,
    notebook,
    prometheus,
    separated,
    sqlite,
    tensorboard,
    wandb,
)
from plateau.logs.formats.format import FileFormat, Head, LineFormat, Lines, begins_with
from plateau.logs.model import LogError

if TYPE_CHECKING:
    from pathlib import Path

    from plateau.logs.columns import Contents
    from plateau.logs.files.lines import Source

FILE_FORMATS = (
    FileFormat(
        names=("numpy",),
        label="NumPy",
        about="`.npy` and `.npz`: arrays that are as long as each other stand side by side; arrays "
        "of Python objects are pickles, and refused",
        recognised=arrays.recognised,
        read=arrays.read,
    ),
    FileFormat(
        names=("matlab",),
        label="MATLAB",
        about="`.mat` of version 5 (`-v7`, `-v6`): the numeric variables, and those in structures; "
        "later ones (`-v7.3`) are HDF5, and refused",
        recognised=begins_with(matlab.MAGIC),
        read=matlab.read,
    ),
    FileFormat(
        names=("sqlite",),
        label="SQLite",
        about="any table of metrics: MLflow, Trackio (JSON cells), and others of such shape; of "
        "Optuna the values of each study, whose direction it tells",
        recognised=begins_with(sqlite.MAGIC),
        read=sqlite.read,
        telling=True,
    ),
    FileFormat(
        names=("parquet", "arrow"),
        label="Parquet, Arrow",
        about="also structs; read in another process, which a damaged file may end or hang: it "
        "gets a minute, large files more, and is replaced",
        recognised=begins_with(columnar.PARQUET, columnar.ARROW),
        read=columnar.read,
    ),
    FileFormat(
        names=("wandb",),
        label="Weights & Biases",
        about="the offline files `run-*.wandb`; its exports are tables",
        recognised=begins_with(wandb.MAGIC),
        read=wandb.read,
        telling=True,
    ),
    FileFormat(
        names=("mlflow",),
        label="MLflow",
        about="the folder of a run, or a single metric file with the learning rate beside it",
        recognised=mlflow.recognised,
        read=mlflow.read,
        read_folder=mlflow.read_folder,
        followed=True,
    ),
    FileFormat(
        names=("tensorboard",),
        label="TensorBoard",
        about="event files, read without TensorBoard: frames with their checksums, scalars also in "
        "tensors; the files of a folder are one run, or several where they were written side by "
        "side",
        recognised=tensorboard.recognised,
        read=tensorboard.read,
        read_folder=tensorboard.read_folder,
        telling=True,
        followed=True,
    ),
)
LINE_FORMATS = (
    LineFormat(
        names=("jsonl",),
        label="JSON lines",
        about='a JSON object a line, nested ones too: `{"loss": {"g": 1}}` is the column `loss.g`; '
        "lines of text that a container or a structured logger wrapped",
        recognise=json_lines.recognise,
        read=json_lines.read,
        series=json_lines.series,
        followed=True,
    ),
    LineFormat(
        names=("notebook",),
        label="Jupyter notebooks",
        about="what the cells printed, and the tables that they drew; each cell is a run",
        recognise=notebook.recognise,
        read=lambda _, found: found,
        in_parts=False,
    ),
    LineFormat(
        names=("json",),
        label="JSON documents",
        about="histories of records, lists of numbers, lists of rows, curves with their own `x` "
        "and `y`",
        recognise=json_document.recognise,
        read=lambda _, found: found,
        in_parts=False,
    ),
    LineFormat(
        names=("prometheus",),
        label="Prometheus",
        about='samples as its exporters print them, `name{label="value"} 0.5`; the labels name the '
        "runs",
        recognise=prometheus.recognise,
        read=prometheus.read,
        series=prometheus.series,
        labelled=True,
        followed=True,
    ),
    LineFormat(
        names=("influx",),
        label="InfluxDB",
        about="the line protocol, `cpu,host=a user=3.1 1700000000000000000`; tags name the runs",
        recognise=influx.recognise,
        read=influx.read,
        series=influx.series,
        labelled=True,
        followed=True,
    ),
    LineFormat(
        names=("csv", "tsv", "table"),
        label="tables",
        about="commas or semicolons, tabs, white space, also several in one file; headers behind "
        "`#`, in several lines, with units below; names of Tecplot, of Grace (`.xvg`), numbered in "
        "remarks; cells with units (`51 %`). In long tables a column of names beside a column "
        "`value` makes each name a column; labels that each have a row at each time make each a "
        "run",
        recognise=separated.recognise,
        read=separated.read,
        followed=True,
    ),
    LineFormat(
        names=("text",),
        label="text logs",
        about="of any program: lines of one shape form a table, see "
        "[Text logs](cli.md#how-logs-are-read); progress bars, printed tables (names in several "
        "lines, above one another, or with a label before them), ANSI colours, `cur (avg)`, `a/b`, "
        "`cost after iteration 100: 0.7`, `0.1D-02`",
        recognise=lines_of_text.recognise,
        read=lines_of_text.read,
        read_part=lines_of_text.read_part,
        followed=True,
    ),
)
FORMATS = (*FILE_FORMATS, *LINE_FORMATS)

REFUSED = {  # what a user may well hand us, and how to say what it is
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\x89HDF": "an HDF5 file, which is not read: save its curves with pandas' to_csv",
    b"MATLAB 7.3": "a MATLAB file in HDF5, which is not read: save it with -v7",
    b"FEA1": "a Feather file of version 1, which is not read",
    **{bytes([0x80, n]): "a pickle, which is never loaded: is not text" for n in range(2, 6)},
}


def file_format(head: Head) -> FileFormat | None:
    """Return the format of a file that is read as a whole; None where it is one of lines.

    Raises
    ------
    LogError
        If it is of a kind that is refused.
    """
    for one in FILE_FORMATS:
        if one.recognised(head):
            return one
    for mark, what in REFUSED.items():
        if head.data.startswith(mark):
            raise LogError(f"{head.path}: the file is {what}")
    return None


def read_folder(folder: Path, warnings: list[str]) -> Contents:
    """Read the run that a folder holds."""
    readers = {one.label: one.read_folder for one in FILE_FORMATS if one.read_folder}
    for read in readers.values():
        if contents := read(folder, warnings):
            return contents
    raise LogError(f"{folder}: is a folder but no run of {' or '.join(readers)}")


def lines_of(source: Source) -> Lines:
    """Find out the format of lines; those of no other format are text."""
    tried = ((one, one.recognise(source)) for one in LINE_FORMATS)
    return next(Lines(one, found) for one, found in tried if found is not None)


def lines_named(name: str, found: object) -> Lines:
    """Return lines of a format of which this was found out before."""
    return Lines(next(one for one in LINE_FORMATS if name in one.names), found)


def refuse_to_follow(head: Head) -> None:
    """Refuse a file whose lines cannot be followed."""
    if head.data.startswith(UTF16):
        raise LogError(f"{head.path}: text in UTF-16 {cannot_be_followed()}")
    known = file_format(head)
    if known and not known.followed:
        raise LogError(f"{head.path}: {known.label} {cannot_be_followed()}")


def cannot_be_followed() -> str:
    """Say which formats can be followed."""
    labels = [one.label for one in FORMATS if one.followed]
    return (
        f"cannot be followed, only {', '.join(labels[:-1])} and {labels[-1]} can: use plateau scan"
    )
