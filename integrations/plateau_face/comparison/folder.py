"""The folder of one run: what is to be trained, whether it is, and the rows of its log."""

import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from plateau.export import write_whole
from plateau_face.config import Config, checked
from plateau_face.log import LOG

VERSION = 1
"""Of ``run.json``."""
TAIL = 4096
"""Bytes at the end of a log that hold a whole row."""


class RunFolder:
    """What an experiment keeps of a run beside what training does.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._record = path / "run.json"

    def claim(self, config: Config) -> bool:
        """Take the folder for a run, or find it taken by the same; return whether it is finished.

        Raises
        ------
        ValueError
            If it holds a run with another configuration.
        """
        if self._record.is_file():
            self.compare(config)
        if self.is_finished():
            return True
        self.path.mkdir(parents=True, exist_ok=True)
        self._write(config, finished=False)
        return False

    def finish(self) -> None:
        """Note that the run is at its end."""
        self._write(self.config(), finished=True)

    def fail(self, reason: str) -> None:
        """Note what stopped the run; it is tried again the next time."""
        self._write(self.config(), finished=False, failed=reason)

    def failed(self) -> str:
        """Return what stopped the run, empty if it said nothing."""
        return str(self._read().get("failed", ""))

    def is_finished(self) -> bool:
        """Return whether the run is at its end."""
        return self._record.is_file() and bool(self._read()["finished"])

    def config(self) -> Config:
        """Return how it is trained."""
        try:
            return Config(**checked(self._read()["config"]))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self._record}: {error}") from None

    def compare(self, config: Config, *, but_for: tuple[str, ...] = ()) -> None:
        """Refuse another configuration than the one it was begun with, but for some names."""
        found = self.config()
        for entry in fields(Config):
            here, wanted = getattr(found, entry.name), getattr(config, entry.name)
            if entry.name not in but_for and here != wanted:
                raise ValueError(
                    f"{self.path} was begun with {entry.name} = {here!r}, not {wanted!r}: "
                    "choose another folder, or what it was begun with"
                )

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows of the log."""
        text = (self.path / LOG).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def last_row(self) -> dict[str, Any]:
        """Return the newest whole row of a log that is being written, empty if there is none."""
        try:
            with (self.path / LOG).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                *lines, _ = file.read().split(b"\n")  # behind the last line's end is nothing whole
        except FileNotFoundError:
            return {}
        row: dict[str, Any] = json.loads(lines[-1]) if len(lines) else {}
        return row

    def _read(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads(self._record.read_text(encoding="utf-8"))
            version = record["version"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{self._record}: not the record of a run") from None
        if version != VERSION:
            raise ValueError(f"{self._record}: version {version}, not {VERSION}")
        return record

    def _write(self, config: Config, **state: bool | str) -> None:
        record = {"version": VERSION, **state, "config": asdict(config)}
        write_whole(self._record, json.dumps(record, indent=1).encode())
