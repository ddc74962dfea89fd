"""Samples with labels on standard input and of a Prometheus: one detector a series."""

import json
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from following import events_of, folded, scanned, watch

from plateau.logs import read_log
from plateau.logs.choosing.asked import Asked
from plateau.rule import Rule
from plateau.watching.many import Many
from plateau.watching.prometheus import _lines
from plateau.watching.session import Options, Session
from plateau.watching.teller import Teller

ROWS = 1200
START = 1_900_000_000


def values_of(seed):
    rng = np.random.default_rng(seed)
    at = np.arange(ROWS)
    fall = (seed % 2) * np.clip((at - 800) / 100, 0, 3)
    return np.round(10 + 9 * np.exp(-at / 50) - fall + 0.1 * rng.normal(size=ROWS), 4)


SERIES = {"a": values_of(0), "b": values_of(1), "c": values_of(2)}
LINES = {
    "prometheus": 'wait_seconds{{host="{host}",job="x"}} {value} {at}000\n',
    "influx": "wait,host={host},job=x seconds={value} {at}000000000\n",
    "json lines": '{{"host": "{host}", "job": "x", "ts": {at}, "wait_seconds": {value}}}\n',
    "json samples": '{{"time": "{iso}", "labels": {{"host": "{host}", "job": "x"}}, '
    '"metric": "wait_seconds", "value": {value}, "message": "host {host} waited {value} s"}}\n',
    "without times": 'wait_seconds{{host="{host}",job="x"}} {value}\n',
}


NAMES = {"json lines": "host={host}", "json samples": "labels.host={host}, labels.job=x"}


def iso(at):
    return datetime.fromtimestamp(at).isoformat()


def text_of(line):
    """Series ``c`` begins later than the others."""
    return "".join(
        line.format(host=host, value=values[i - late], at=START + i, iso=iso(START + i))
        for i in range(ROWS + 100)
        for host, values in SERIES.items()
        for late in [100 * (host == "c")]
        if 0 <= i - late < ROWS
    )


def expected(tmp_path, host):
    path = tmp_path / f"{host}.csv"
    rows = (f"{i},{value}\n" for i, value in enumerate(SERIES[host]))
    path.write_text("step,loss\n" + "".join(rows))
    return scanned(read_log(path, mode="min"))["1"]


@pytest.mark.parametrize("kind", LINES)
def test_each_series_has_its_own_detector(tmp_path, kind):
    done = watch("-", "--format", "jsonl", stdin=text_of(LINES[kind]).encode())
    assert done.returncode == 0, done.stderr
    events = events_of(done.stdout)
    names = {host: NAMES.get(kind, "host={host}, job=x").format(host=host) for host in SERIES}
    assert folded(events) == {names[host]: expected(tmp_path, host) for host in SERIES}
    assert {event["metric"] for event in events} <= {"wait_seconds", "wait seconds"}
    assert ("time" in events[0]) == (kind != "without times")


class Prometheus(BaseHTTPRequestHandler):
    """Answers queries with one sample of each series more, is down once, and says what is wrong."""

    asked = -1

    def do_GET(self):
        cls = type(self)
        query = parse_qs(urlsplit(self.path).query)["query"][0]
        cls.asked += 1
        if query == "wait(":
            self.answer(400, {"status": "error", "error": "parse error: unclosed"})
        elif cls.asked == 3:
            self.answer(503, {})
        else:
            i = min(cls.asked, ROWS - 1)
            result = [
                {"metric": {"__name__": query, "host": host}, "value": [START + i, str(values[i])]}
                for host, values in SERIES.items()
            ]
            data = {"resultType": "vector", "result": result}
            self.answer(200, {"status": "success", "data": data})

    def answer(self, code, content):
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    Prometheus.asked = -1
    with ThreadingHTTPServer(("127.0.0.1", 0), Prometheus) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"prometheus+http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("horizon", ["40", "40s"])  # the rows come one by one
def test_a_query_is_asked_again_and_again(address, horizon):
    done = watch(
        *(f"{address}?query=wait_seconds&every=1ms", "--format", "jsonl"),
        *("--fail-on", "plateau", "--horizon", horizon),
    )
    assert done.returncode == 1
    assert done.stderr.count(b"gives no answer, and is asked again: HTTP Error 503") == 1
    event = events_of(done.stdout)[-1]
    assert event["event"] == "plateau"
    assert event["run"] in {"host=a", "host=b", "host=c"}
    assert event["metric"] == "wait_seconds"
    assert START < event["x"] / 1000 < START + ROWS


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?query=wait(&every=1s", b"parse error: unclosed"),
        ("", b"?query=EXPRESSION"),
        ("?query=a&every=1x", b"is no duration"),
    ],
)
def test_what_is_asked_wrong_is_told(address, query, told):
    done = watch(f"{address}{query}")
    assert done.returncode == 2
    assert told in done.stderr


def test_labels_hold_any_character(tmp_path):
    paths = ["/users/{id}", "/straße", "}"]
    result = [
        {"metric": {"__name__": "wait_seconds", "path": path}, "value": [START + i, f"{i + 0.5}"]}
        for i in range(30)
        for path in paths
    ]
    log = tmp_path / "run.prom"
    log.write_text("".join(_lines("vector", result)), encoding="utf-8")
    runs = read_log(log).runs
    assert [run.name for run in runs] == [f"path={path}" for path in paths]
    assert all(len(run.values) == 30 for run in runs)


def run_lengths(tmp_path, metric=None, run_length=None):
    """Of the series in a log of two hosts with two metrics each, in a budget of 2 alarms."""
    log = tmp_path / "run.prom"
    lines = (
        f'{name}{{host="{host}"}} {i}.5\n' for i in range(30) for name in "xy" for host in "ab"
    )
    log.write_text("".join(lines))
    asked = Asked(metric=metric)
    options = Options(str(log), asked, Rule(), None, (), None, None, alarms=2.0, per=1000.0)
    teller = Teller(
        json=True, output=tmp_path / "events", command=None, alerts=None, complain=print, stop=None
    )
    session = Session(options, teller, print, lambda _: None, run_length=run_length)
    session.step(keep=False)
    session.close()
    return [runs.run_length for runs in session._series._runs.values()]


def test_series_share_a_budget_of_alarms(tmp_path):
    assert run_lengths(tmp_path) == [2 * 4 * 500.0] * 4
    assert run_lengths(tmp_path, metric="x") == [2 * 2 * 500.0] * 2  # others get none of it
    lengths = run_lengths(tmp_path, run_length=8000.0)  # the share of this log, of many
    assert sum(1 / length for length in lengths) <= 1 / 8000


def test_a_board_of_logs_tells_of_series(tmp_path):
    (tmp_path / "run.prom").write_text(text_of(LINES["prometheus"]))
    options = Options(str(tmp_path), Asked(), Rule(), None, (), None, None)
    stop, shown = SimpleNamespace(by=None), []
    teller = Teller(
        json=True, output=tmp_path / "events", command=None, alerts=None, complain=print, stop=stop
    )
    many = Many(options, teller, print, shown.append)
    many._sweep(stop)
    many.close()
    head, line = shown[-1].split("\n")
    assert head == "1 log: 1 of several series"
    assert line.startswith("run.prom: 3 series: ")


def test_series_keep_no_state(tmp_path, address):
    path = tmp_path / "run.prom"
    path.write_text(text_of(LINES["prometheus"]))
    done = watch(path, "--idle", "0", "--state", tmp_path / "state")
    assert done.returncode == 2
    assert b"series with labels keep no --state" in done.stderr
    done = watch(f"{address}?query=a", "--state", tmp_path / "state")
    assert done.returncode == 2
    assert b"Prometheus cannot be read again" in done.stderr
