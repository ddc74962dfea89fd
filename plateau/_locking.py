"""Locks of the system on open files: they are gone when their process is, however that ended."""

import os
import sys


def locked(descriptor: int) -> bool:
    """Lock an open file for this process; tell whether that was possible."""
    try:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # not what the file holds
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        return False
    return True
