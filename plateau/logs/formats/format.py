"""What a format is: a row of the table in `plateau.logs.formats.known`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plateau.logs.columns import Contents
    from plateau.logs.files.lines import Source
    from plateau.logs.files.stream import Stream
    from plateau.logs.text.shapes import Headed


class Head(NamedTuple):
    """What a format is recognised by."""

    data: bytes
    """The first bytes of the file, unpacked."""
    path: str
    local: bool
    """Whether the path is that of a file on this machine."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of logs.

    Attributes
    ----------
    names : tuple of str
        What `plateau.logs.Log.format` may be.
    label : str
        What people call it.
    about : str
        How it is read, in Markdown, for the page on saved logs.
    followed : bool
        Whether ``plateau watch`` can follow it.
    """

    names: tuple[str, ...]
    label: str
    about: str
    followed: bool = False


@dataclass(frozen=True, kw_only=True)
class FileFormat(Format):
    """A format that is read as a whole, such as one of bytes that are no text.

    Attributes
    ----------
    recognised : callable
        Tells a file by its first bytes; by its path only if there is no other way.
    read : callable
        Gives the tables of a log; what was lost on the way is added to the warnings. What cannot
        be read at all raises `plateau.logs.LogError` in one line with the path.
    read_folder : callable or None
        Gives the tables of the run that a folder holds, None where it is another folder; None
        where a run is one file.
    telling : bool
        Whether no other file looks like it: one without a series is damaged, also where it lies
        among others in a folder.
    """

    recognised: Callable[[Head], bool]
    read: Callable[[Stream, list[str]], Contents]
    read_folder: Callable[[Path, list[str]], Contents | None] | None = None
    telling: bool = False


@dataclass(frozen=True, kw_only=True)
class LineFormat(Format):
    """A format of lines of text, which may be read in parts.

    Attributes
    ----------
    recognise : callable
        Returns what was found out about the lines and is needed to read more of them, None where
        they are of another format. JSON can hold it, where `in_parts`: a watch keeps it.
    read : callable
        Gives the tables of lines of which that was found out.
    read_part : callable or None
        The same for a part of a log; it is also given what headers in earlier parts told. None
        where parts are read as the whole is.
    in_parts : bool
        Whether lines can be read without those behind them.
    series : callable or None
        Gives the samples of lines with labels, where each set of labels is a series of its own; all
        its labels are the name of its run.
    labelled : bool
        Whether lines are such samples also where all have the same labels.
    """

    recognise: Callable[[Source], Any]
    read: Callable[[Source, Any], Contents]
    read_part: Callable[[Source, Any, Headed], Contents] | None = None
    in_parts: bool = True
    series: Callable[[Source], Contents] | None = None
    labelled: bool = False


@dataclass(frozen=True)
class Lines:
    """Lines whose format is known, and how to read more of them."""

    format: LineFormat
    found: Any

    def read(self, source: Source) -> Contents:
        """Read a whole log."""
        return self.format.read(source, self.found)

    def read_part(self, source: Source, headed: Headed) -> Contents:
        """Read a part of a log; what headers tell is kept in ``headed``."""
        if self.format.read_part is None:
            return self.read(source)
        return self.format.read_part(source, self.found, headed)


def begins_with(*marks: bytes) -> Callable[[Head], bool]:
    """Return what tells files by the bytes that they begin with."""
    return lambda head: head.data.startswith(marks)
