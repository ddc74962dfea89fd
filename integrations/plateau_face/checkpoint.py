"""Checkpoints: all that a run needs to go on, in one file that is complete or not there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import nn

from plateau_face.config import Config, checked
from plateau_face.files import replacing
from plateau_face.models import make_model
from plateau_face.parts import chosen_device

VERSION = 3
"""Of the checkpoints."""
ENTRIES = frozenset(
    {
        "version", "config", "classes", "images", "step", "begun", "most", "best",
        "log_bytes", "losses", "not_finite", "model", "head", "optimizer", "schedule", "scaler",
        "random", "cuda_random", "average",
    }
)  # fmt: skip
CHECKPOINT, BEST, AVERAGE = "last.pt", "best.pt", "average.pt"


class DivergedError(RuntimeError):
    """The gradient is not finite any more."""


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; the one before stays until this one is complete.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    stays = ", the last stays" if path.is_file() else ""
    try:
        with replacing(path) as file:
            save_to(file, state)
    except OSError as error:
        raise OSError(f"no checkpoint at step {state['step']}{stays}: {error}") from error


def save_to(file: BinaryIO, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; an error is the system's, not what torch makes of it."""
    try:
        torch.save(state, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        reason = str(error).partition("\n")[0]
        raise OSError(f"is the disk full? ({reason})") from error


def load_checkpoint(out: Path) -> dict[str, Any]:
    """Read the last checkpoint of a run, or another one that is named.

    Raises
    ------
    ValueError
        If there is none, or it is damaged or of another version.
    """
    path = checkpoint_of(out)
    if not path.is_file():
        raise ValueError(f"{out} has no run: there is no {CHECKPOINT}")
    with path.open("rb") as file:
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged pickle can raise any
            name = type(error).__name__
            raise ValueError(f"{path}: damaged, or no checkpoint ({name})") from error
    if not isinstance(state, dict) or not state.keys() >= ENTRIES:
        raise ValueError(f"{path}: not a checkpoint of plateau-face")
    if state["version"] != VERSION:
        raise ValueError(f"{path}: version {state['version']}, not {VERSION}")
    return state


def checkpoint_of(run: Path) -> Path:
    """Return the last checkpoint of a run, or the one that is named."""
    return run if run.is_file() else run / CHECKPOINT


def is_checkpoint(path: Path) -> bool:
    """Return whether a file is one of these; not whether it is sound."""
    try:
        return bool(torch.load(path, mmap=True, weights_only=True).keys() >= ENTRIES)
    except Exception:  # it is something else, and whoever opens that says what is wrong
        return False


@contextmanager
def fitting(out: Path) -> Iterator[None]:
    """Name the checkpoint in the error about a damaged entry."""
    try:
        yield
    except (RuntimeError, LookupError, TypeError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{checkpoint_of(out)}: damaged ({reason})") from error


def load_model(out: Path) -> tuple[nn.Module, Config]:
    """Return the network of a run, on the CPU or the GPU where there is one."""
    state = load_checkpoint(out)
    with fitting(out):  # it may also ask for a network larger than any memory
        config = Config(**checked(state["config"]))
        model = make_model(
            config.model, dim=config.dim, image_size=config.image_size, dropout=config.dropout
        )
        model.load_state_dict(state["model"])
    return model.to(chosen_device("auto")), config


def all_finite(*states: Mapping[str, Any]) -> bool:
    """Return whether all numbers of some states are finite; waits for the device."""
    values = [value for state in states for value in state.values() if value is not None]
    # A sum needs no memory, and is not finite where one of the numbers is not.
    sums = [value.sum() for value in values if value.is_floating_point()]
    return bool(torch.stack(sums).isfinite().all())
