"""One run of an experiment, in a process of its own.

The process ends with the one that started it, however that ends: a run that went on alone would be
written to by two once the experiment is taken up again.
"""

import os
import signal
import traceback
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

import torch

from plateau import Detector
from plateau.watching.lock import Lock
from plateau_face.checkpoint import CHECKPOINT, DivergedError
from plateau_face.comparison.folder import RunFolder
from plateau_face.log import Row
from plateau_face.train import resume, start

Detector()  # loads the compiled kernels, once for all processes that are made from this one


def train(path: Path) -> None:
    """Train to the end in the folder of a run, from where it was left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the parent sees to its children
    Thread(target=end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    folder = RunFolder(path)
    try:
        with Lock(path / CHECKPOINT):  # nor may somebody resume it by hand meanwhile
            if (path / CHECKPOINT).is_file():
                trainer = resume(path, ignore)
            else:
                trainer = start(folder.config(), path, ignore)
            trainer.run()
    except (ValueError, OSError, DivergedError) as error:
        folder.fail(str(error))
    except Exception as error:
        folder.fail(repr(error))
        traceback.print_exc()
    else:
        folder.finish()


def end_with_parent() -> None:
    """Wait for the parent's end, then end at once: as after any other death, nothing is lost."""
    if parent := parent_process():
        wait([parent.sentinel])
        os._exit(1)


def ignore(row: Row) -> None:
    """Leave the row to the log."""
