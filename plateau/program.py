"""Starting a program: Ctrl-C ends it without a traceback, also while it is being imported."""

import signal
import sys
from importlib import import_module


def run(module: str) -> None:
    """Import a module, which may take a while, and run its ``main``."""
    try:
        import_module(module).main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:  # what is left to do at the end may be cut short, too
        signal.signal(signal.SIGINT, signal.SIG_DFL)
