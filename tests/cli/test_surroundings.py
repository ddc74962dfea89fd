"""Full disks, streams that are closed, interrupts: what surrounds a command."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import PLATEAU, plateau

from plateau.export import write_whole

in_a_shell = pytest.mark.skipif(os.name != "posix", reason="Windows has no sh")
on_a_full_device = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="only Linux and some BSDs have /dev/full"
)


def redirected(redirections, *arguments):
    """Run it by a shell, with these redirections."""
    command = ["sh", "-c", f'exec "$@" {redirections}', "sh", *PLATEAU, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "out.json"
    write_whole(target, b"old")
    plain = tmp_path / "plain"
    plain.touch()
    assert target.stat().st_mode == plain.stat().st_mode
    (tmp_path / "folder").mkdir()
    for name in ("folder", "missing/out.json"):
        with pytest.raises(OSError, match=name) as error:  # and not a file beside it
            write_whole(tmp_path / name, b"new")
        assert error.value.filename == str(tmp_path / name)
    target.chmod(0o640)
    (tmp_path / "link").symlink_to(target)
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new", 0o640)
    monkeypatch.setattr(Path, "replace", lambda self, target: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_whole(target, b"newer")
    assert target.read_bytes() == b"new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "link", "out.json", "plain"]


@on_a_full_device
def test_a_full_disk_is_one_line(tmp_path):
    log = tmp_path / "a.csv"
    log.write_text("step,loss\n" + "".join(f"{i},{i}.5\n" for i in range(60)))
    done = redirected(">/dev/full", "scan", log)
    assert (done.returncode, done.stderr) == (2, "plateau: No space left on device\n")


def test_a_file_with_a_hole_of_a_terabyte_is_one_line(run, tmp_path):
    log = tmp_path / "a.csv"
    log.write_text("step,loss\n" + "".join(f"{i},{i}.5\n" for i in range(60)))
    os.truncate(log, 2**40)
    code, out, err = run("scan", log)
    assert (code, out, err) == (2, b"", f"plateau: {log}: a line is longer than 64 MiB\n")


@in_a_shell
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", [["scan", "--format", "json", "-o"], ["watch", "--output"]])
def test_standard_streams_may_be_closed(closed, command, log, tmp_path):
    """The next files that are opened must not be taken for them."""
    before, out = log.read_bytes(), tmp_path / "out"
    rest = ["--idle", 0, "--horizon", 24] if command[0] == "watch" else []
    done = redirected(closed, command[0], log, *command[1:], out, *rest)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert out.read_bytes().startswith(b'{"version"' if command[0] == "scan" else b"watching loss")
    assert log.read_bytes() == before


@in_a_shell
def test_what_nobody_can_read_is_not_printed(log):
    assert redirected(">&-", "scan", log, "--format", "json").returncode == 0
    done = redirected("<&-", "scan", "-")
    assert (done.returncode, done.stderr) == (2, "plateau: -: the file is empty\n")


def test_a_backend_that_matplotlib_does_not_have_is_one_line(log, tmp_path):
    picture = tmp_path / "a.png"
    done = plateau("scan", log, "--plot", picture, MPLBACKEND="nonsense")
    assert done.returncode == 2
    assert done.stderr.startswith(f"plateau: {picture}: Key backend: 'nonsense' is not a valid")
    assert done.stderr.count("\n") == 1


@on_a_full_device
def test_a_full_standard_error_changes_no_exit_code():
    assert redirected("2>/dev/full", "scan", "--nonsense").returncode == 2


@pytest.mark.skipif(os.name != "posix", reason="Windows ends no program by SIGINT")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{interrupt}", 130),
        ("def main(): {interrupt}", 130),
        ("import atexit\ndef main(): atexit.register(lambda: {interrupt})", -signal.SIGINT),
    ],
    ids=["importing", "running", "ending"],
)
def test_an_interrupt_is_no_traceback_at_any_moment(text, code, tmp_path):
    interrupt = "signal.raise_signal(signal.SIGINT)"
    (tmp_path / "program.py").write_text("import signal\n" + text.format(interrupt=interrupt))
    run = "import sys; sys.path.insert(0, sys.argv[1]); from plateau.program import run"
    command = [sys.executable, "-c", f"{run}; run('program')", tmp_path]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (code, b"")
