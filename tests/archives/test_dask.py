"""Archives on a cluster of Dask: a worker that is killed loses nothing."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import nullcontext

import polars as pl
import pytest
from make import make_logs

from plateau import archive
from plateau.commands import archive as command
from plateau.logs.several.find import find_logs
from plateau.rule import Rule
from plateau.scanning import reader_of

distributed = pytest.importorskip("distributed", reason="needs Dask")

COUNT = int(os.environ.get("PLATEAU_ARCHIVE_LOGS", "300"))
"""How many logs, at least 300; 5000 take minutes."""
BAD = {7}
ENOUGH = 600.0 + COUNT
"""Seconds after which what is awaited does not come any more."""


def start(*command, **more):
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, command)], stderr=subprocess.PIPE, text=True, **more
    )


@pytest.fixture
def cluster():
    """A scheduler and two workers, each a process."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", *map(str, arguments)],
            stderr=subprocess.DEVNULL,
        )
        for kind, *arguments in [
            ("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"),
            *[("worker", address, "--nthreads", 1, "--no-nanny", "--no-dashboard")] * 2,
        ]
    ]
    yield address
    for process in processes:
        process.kill()
        process.wait()


def until(condition, process=None):
    deadline = time.monotonic() + ENOUGH
    while not (found := condition()):
        assert process is None or process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def at_work(client):
    """Return the addresses of workers that have a part to do."""
    return [address for address, tasks in client.processing().items() if tasks]


def test_a_killed_worker_and_a_killed_scan_lose_nothing(run, cluster, tmp_path):
    logs, folder = tmp_path / "logs", tmp_path / "results"
    make_logs(logs, COUNT, rows=200, damaged=BAD)
    # The names are those of this folder, in which no worker is.
    command = "plateau", "scan", logs.name, "--archive", folder.name, "--dask", cluster, "--quiet"

    def done():
        return len(list((folder / archive.DONE).glob("*.json")))

    first = start(*command, cwd=tmp_path)
    until(done, first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    with distributed.Client(cluster) as client:
        workers = client.run(os.getpid)
        until(lambda: not at_work(client))
        again = start(*command, cwd=tmp_path)
        (address, *_) = until(lambda: at_work(client), again)
        os.kill(workers[address], signal.SIGKILL)
    _, said = again.communicate(timeout=ENOUGH)
    assert again.returncode == 0, said
    (there, parts) = map(int, re.search(r"(\d+) of (\d+) parts are there", said).groups())
    assert 0 < there < parts == done()
    code, out, _ = run("scan", logs, "--format", "parquet")
    assert code == 0
    assert archive.read(folder).equals(pl.read_parquet(io.BytesIO(out)))
    assert len(archive.read(folder, archive.RUNS)) == COUNT - len(BAD)


def test_a_cluster_may_be_of_this_machine(run, tmp_path):
    logs, folder = tmp_path / "logs", tmp_path / "results"
    make_logs(logs, 60, rows=60, damaged=BAD)
    scan = start("plateau", "scan", logs, "--archive", folder, "--dask", "local", "--quiet")
    _, said = scan.communicate(timeout=ENOUGH)
    assert scan.returncode == 0, said
    assert "run00007.csv" in said
    _, out, _ = run("scan", logs, "--format", "parquet")
    assert archive.read(folder).equals(pl.read_parquet(io.BytesIO(out)))


def test_two_scans_on_one_cluster_fill_both_their_archives(tmp_path, monkeypatch):
    logs, folders = tmp_path / "logs", [tmp_path / "first", tmp_path / "second"]
    make_logs(logs, 1, rows=30)
    asked = archive.Asked(reader_of([]), Rule())
    parts = archive.parts_of(find_logs([str(logs)], print), asked)
    with distributed.Client(processes=False, n_workers=1, dashboard_address=None) as client:
        monkeypatch.setattr(command, "_client", lambda _: nullcontext(client))
        scans = []
        for folder in folders:
            archive.left(folder, parts)
            scans.append(command._dask(parts, folder, asked, "local"))
            assert next(scans[-1])
            assert len(archive.read(folder, archive.RUNS)) == 1
