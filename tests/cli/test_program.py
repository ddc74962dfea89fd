"""The program itself: what starts it, what it imports, help, versions and bad usage."""

import inspect
import json
import os
import subprocess
import sys

import numba
import pytest
from processes import PLATEAU, plateau

from plateau.commands.groups import ColumnOptions, grouped
from plateau.commands.options import Mode, Paths, Quiet


def test_a_small_log_is_scanned_without_what_is_slow_to_import(log):
    code = "import sys; from plateau.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    code += "print([name for name in ('polars', 'scipy', 'matplotlib') if sys.modules.get(name)])"
    command = [sys.executable, "-c", code, "scan", str(log)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_a_program_that_calls_the_command_line_keeps_its_modules(log):
    code = "import gc, sys; from plateau.cli import main; before = gc.get_threshold()\n"
    code += "try: main()\nexcept SystemExit as done: assert not done.code\n"
    code += "import scipy.linalg; from numba import njit; import numpy as np\n"
    code += "print(gc.get_threshold() == before, njit(lambda x: np.linalg.det(x))(np.eye(2)))"
    command = [sys.executable, "-c", code, "scan", str(log), "--quiet"]
    assert (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True 1.0\n"
    )


COLD = """
import sys
sys.stderr.isatty = lambda: {terminal}
from plateau import Ema, ThresholdDetector
detector = ThresholdDetector(Ema(0.5), 0.1, 3)
detector.update_many([1.0] * 9)
detector.update(1.0)
"""


@pytest.mark.parametrize("terminal", [True, False])
def test_compiling_is_told_once_and_on_a_terminal_only(tmp_path, terminal):
    command = [sys.executable, "-c", COLD.format(terminal=terminal)]
    at_once = {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_OPT": "1", "PLATEAU_INTERPRET": "0"}
    environment = os.environ | at_once
    cold = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    line = "plateau: compiling the detector, which is done once: some seconds\n"
    assert (cold.stdout, cold.stderr) == ("", line if terminal else "")
    warm = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert (warm.stdout, warm.stderr) == ("", "")


def test_help_needs_no_numba():
    code = "import sys; from plateau.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    code += "print([m for m in ('numba', 'numpy', 'polars', 'matplotlib') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )
    assert "scan" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_help_of_streams_tells_their_mode(run):
    """A stream has no name that a mode could be told by."""
    _, out, _ = run("stream", "--help")
    told = " ".join(out.decode().replace("│", " ").split())
    assert "by its name" not in told
    assert "Which way the samples get better. [default: min]" in told


def test_without_a_command_there_is_help(run):
    code, out, _ = run()
    assert code == 0
    assert b"replay" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scan"], "Missing argument"),
        (["scan", "LOG", "--x", "a", "--x", "b"], "--x takes one value and is given 2 times"),
        (["report", "LOG", "-o", "a", "--output", "b"], "--output takes one value and is given 2"),
        (["scan", "LOG", "--window", "3"], "window must be even, not 3"),
        (["scan", "LOG", "--threshold", "-1"], "threshold must be above 0, not -1.0"),
        (["scan", "LOG", "--alpha", "2"], "alpha must be above 0 and at most 1, not 2.0"),
        (["scan", "LOG", "--alpha", "0.1", "--window", "4"], "alpha belongs to the detector ema"),
        (["scan", "LOG", "--metric", "nope"], "nope"),
        (["scan", "LOG", "--run", "7"], "7"),
        (["scan", "LOG", "--plot", "a.gif"], "must end in .png or .svg"),
        (["scan", "LOG", "--plot", "/nowhere/a.png"], "/nowhere/a.png: No such file"),
        (["scan", "LOG", "--output", "a"], "--output needs --format"),
        (["scan", "LOG", "--format", "xml"], "--format"),
        (["demo", "--plot", "a.pdf"], "must end in .png or .svg"),
        (["replay", "LOG", "--initial-lr", "-1"], "initial_lr must be above 0, not -1.0"),
        (["replay", "LOG", "--factor", "2"], "factor must lie between 0 and 1, not 2.0"),
        (["nonsense"], "nonsense"),
        (["scan", "LOG", "--nonsense"], "--nonsense"),
    ],
)
def test_bad_usage_gets_one_line(run, log, arguments, message):
    code, _, err = run(*(log if a == "LOG" else a for a in arguments))
    assert (code, err.count("\n")) == (2, 1), err
    assert message in err


def test_the_demo_finds_the_stairs_and_draws_them(tmp_path):
    done = subprocess.run(
        [*PLATEAU, "demo"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert "4 plateaus" in done.stdout
    assert done.stderr == ""
    assert (tmp_path / "plateau.png").read_bytes().startswith(b"\x89PNG")
    assert done.stdout.endswith("Report written to plateau.html: open it in a browser\n")
    assert "4 plateaus in 1 run" in (tmp_path / "plateau.html").read_text()


def test_a_command_has_the_options_of_its_groups():
    given = []

    @grouped
    def command(paths: Paths, columns: ColumnOptions, quiet: Quiet = False) -> None:
        given.append((paths, columns, quiet))

    names = ["paths", "metric", "x", "lr", "mode", "quiet"]
    assert list(inspect.signature(command).parameters) == names
    command(**dict(zip(names, (["a"], "loss", None, "rate", Mode.max, True), strict=True)))
    assert given == [(["a"], ColumnOptions("loss", None, "rate", Mode.max), True)]


def test_the_package_is_a_command(log):
    command = [sys.executable, "-m", "plateau", "scan", str(log), "--fail-on", "no-such"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("plateau: ")
    command[3:] = ["--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == plateau("--version").stdout


def test_version(tmp_path):
    own, others = plateau("--version", NUMBA_CACHE_DIR=str(tmp_path)).stdout.splitlines()
    assert own == f"plateau {__import__('plateau').__version__}"
    assert others.startswith(f"numba {numba.__version__}, compiled code in {tmp_path}")
    tmp_path.chmod(0o777)
    _, others = plateau("--version", NUMBA_CACHE_DIR=str(tmp_path)).stdout.splitlines()
    assert others.startswith(f"numba {numba.__version__}, compiled code in no folder: ")


def test_standard_input(log):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from plateau.cli import main; main()",
            "scan",
            "-",
            "--format",
            "json",
        ],
        input=log.read_bytes(),
        capture_output=True,
        check=True,
    )
    (found,) = json.loads(done.stdout)["logs"]
    assert (found["path"], found["runs"][0]["metric"]) == ("-", "loss")
