"""Programs in a Python of their own."""

import json
import os
import subprocess
import sys

PLATEAU = [sys.executable, "-c", "from plateau.cli import main; main()"]
"""The command line, as a process."""


def python(code, **environment):
    """Run code, in which a warning is an error; return what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return json.loads(done.stdout)


def plateau(*arguments, **environment):
    """Run the command line."""
    return subprocess.run(
        [*PLATEAU, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
