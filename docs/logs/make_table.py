"""Table of how real logs read, here and with other readers: a page of the documentation.

usage: python docs/logs/make_table.py FOLDER [PYTHON] > docs/logs/table.md

FOLDER holds the logs and their MANIFEST.tsv. PYTHON is an interpreter that has trainspotter and
tbparse; without it their columns stay empty.
"""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

from plateau.logs import LogError, read_log

PEERS = """
import json, logging, os, sys, warnings
warnings.simplefilter("ignore"); logging.disable()
def trainspotter(path):
    from trainspotter import load_run
    if "tfevents" in path:
        path = os.path.dirname(path)  # it reads folders of these
    return {name: len(series) for name, series in load_run(path).metrics.items()}
def tbparse(path):
    from tbparse import SummaryReader
    return SummaryReader(path).scalars["tag"].value_counts().to_dict()
for line in sys.stdin:
    found = {}
    for read in (trainspotter, tbparse):
        try:
            found[read.__name__] = read(line.rstrip("\\n"))
        except BaseException as error:
            found[read.__name__] = {}
    print(json.dumps(found), flush=True)
"""
CLOSE = 0.02  # share of the points that may be missing


def normal(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def reads(found, metric, points):
    """Whether the expected metric is there, with as many points as it should have."""
    bare = normal(metric.split("[].")[-1].split(" (")[0].strip('"').replace("<run> - ", ""))
    return any(
        (normal(name).endswith(bare) or bare.endswith(normal(name)))
        and abs(count - points) <= max(2, CLOSE * points)
        for name, count in found.items()
        if normal(name)
    )


def peers(paths, python):
    """What trainspotter and tbparse find in each file: points by name."""
    if not python:
        return [{}] * len(paths)
    done = subprocess.run(
        [python, "-c", PEERS], input="\n".join(map(str, paths)), capture_output=True, text=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def row(folder, expected, others):
    path, count = expected["path"], int(re.sub(r"\D", "", expected["n points"].split()[0]))
    try:
        log = read_log(folder / path, equals=True)
    except LogError as error:
        return [f"`{path}`", str(error).removeprefix(f"{folder / path}: "), *[""] * 7]
    run, found = log.runs[0], {}
    for each in log.runs:
        found[each.metric] = found.get(each.metric, 0) + len(each.values)
    metric, x, lr = (
        name.replace("|", r"\|") for name in (run.metric, run.x_name, run.lr_name or "")
    )
    told = len([each for each in log.runs if each.metric == run.metric])
    marks = ["yes" if reads(others.get(name, {}), expected["metric"], count) else "no"
             for name in ("trainspotter", "tbparse")]  # fmt: skip
    ours = "yes" if reads(found, expected["metric"], count) else "no"
    points = f"{found[run.metric]:,}"
    return [f"`{path}`", log.format, metric, x, run.mode, points, str(told), lr, ours, *marks]


def main(folder, python=None):
    with (Path(folder) / "MANIFEST.tsv").open(newline="") as file:
        logs = list(csv.DictReader(file, delimiter="\t"))
    others = peers([Path(folder).resolve() / log["path"] for log in logs], python)
    rows = [row(Path(folder), *pair) for pair in zip(logs, others, strict=True)]
    head = ("log", "format", "metric", "x", "better", "points", "runs", "learning rate",
            "plateau", "trainspotter", "tbparse")  # fmt: skip
    total = [sum(line[column] == "yes" for line in rows) for column in (8, 9, 10)]
    rows.append(["**read as expected**", *[""] * 7, *(f"**{n} of {len(rows)}**" for n in total)])
    print(f"# How {len(logs)} real logs read\n")
    print("Made by `python docs/logs/make_table.py`;", end=" ")
    print("[Saved logs](../logs.md#how-real-logs-read) says what is counted.\n")
    for line in (head, ["---"] * len(head), *rows):
        print("|", " | ".join(line), "|")


if __name__ == "__main__":
    main(*sys.argv[1:])
