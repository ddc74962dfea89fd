"""Spark and Flink, killed in the middle: the events of each key are those of one process.

    python -m pip install . pyspark protobuf pyarrow 'pandas<3'  # and a Java that it supports
    PLATEAU_STREAM_KEYS=1000 python tests/streams/engines.py stream_spark stream_spark_function

Takes the programs of docs/examples that are named. Each takes minutes, so this is run before a
release and not with the tests.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from contract import KEYS, SAMPLES, by_key, expected, in_order, messages, until

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FILES = 20
"""In which the messages lie; one for Flink, whose source takes several in any order."""


def write(folder, files):
    """Write the messages as lines of JSON, in files that are older the earlier they come."""
    lines = [
        json.dumps({"key": key, "position": position, "value": sample})
        for position, (key, sample) in enumerate(messages())
    ]
    size = -(-len(lines) // files)
    now = int(time.time())
    for number in range(files):
        file = folder / f"{number:03d}.json"
        file.write_text("\n".join([*lines[number * size : (number + 1) * size], ""]))
        os.utime(file, (now - files + number,) * 2)


def of_spark(events):
    """Return the files that Spark's own record of them names."""
    logs = (events / "_spark_metadata").glob("[0-9]*")
    records = [json.loads(line) for log in logs for line in log.read_text().splitlines()[1:]]
    return {Path(each["path"].removeprefix("file://")) for each in records}


def of_flink(events):
    """Return the files that are not being written: those have a dot in front."""
    return {file for file in events.rglob("part-*") if not file.name.startswith(".")}


def start(program, *folders):
    """Start a program, with what it starts itself in a group of its own."""
    command = [sys.executable, EXAMPLES / f"{program}.py", *folders]
    submitted = "--master local[2] --conf spark.sql.shuffle.partitions=2 pyspark-shell"
    settings = {
        "PYSPARK_SUBMIT_ARGS": submitted,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    settings["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    log = (folders[-1].parent / "log").open("a")
    return subprocess.Popen(
        command, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True
    )


def check(program, folder):
    """Run a program, kill it, run it again; return what there is to say of it."""
    source, events, checkpoint = (folder / name for name in ("source", "events", "checkpoint"))
    source.mkdir()
    write(source, FILES if "spark" in program else 1)
    files = of_spark if "spark" in program else of_flink

    def read():
        texts = [file.read_text() for file in files(events)] if events.exists() else []
        rows = [json.loads(line) for text in texts for line in text.splitlines()]
        return [json.loads(row["event"]) for row in rows]

    total = sum(map(len, expected().values()))
    process = start(program, source, events, checkpoint)

    def enough():
        """Flink keeps no checkpoint of a program that has come to its end."""
        whole = "spark" in program or any(checkpoint.glob("*/chk-*/_metadata"))
        return process.poll() is not None or (whole and len(read()) >= total // 10)

    until(enough, "a tenth of the events")
    assert process.poll() is None, (folder / "log").read_text()[-4000:]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = len(read())
    assert total // 10 <= before < total, (folder / "log").read_text()[-4000:]
    began = time.monotonic()
    process = start(program, source, events, checkpoint)
    assert process.wait() == 0, (folder / "log").read_text()[-4000:]
    took = time.monotonic() - began
    found, due = by_key(in_order(read())), expected()
    assert found == due, [key for key in due if found[key] != due[key]]
    return (
        f"{KEYS * SAMPLES:,} messages of {KEYS:,} keys; killed with {before:,} of {total:,} events "
        f"written, and run again for {took:.0f} s: each event once, as of one process"
    )


if __name__ == "__main__":
    for program in sys.argv[1:]:
        engine = "pyspark" if "spark" in program else "apache-flink"
        with tempfile.TemporaryDirectory() as folder:
            print(f"{engine} {version(engine)}, {program}.py: {check(program, Path(folder))}")
