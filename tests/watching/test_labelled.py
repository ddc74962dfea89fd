"""Samples with labels on standard input and of a Prometheus: one detector a series."""

import json
import signal
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from following import begin, events_of, folded, scanned, until, watch

from plateau.logs import read_log
from plateau.logs.choosing.asked import Asked
from plateau.logs.model import LogError
from plateau.rule import Rule
from plateau.watching.labelled import PIECES
from plateau.watching.many import Many
from plateau.watching.prometheus import Query, _lines
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


def test_a_time_that_goes_back_begins_no_other_run(tmp_path):
    """Its sample is late: it is one of the same series, taken as it comes."""
    text = "".join(
        LINES["json lines"].format(host=host, value=values[i], at=START + i - 9 * (i % 7 == 0))
        for i in range(ROWS)
        for host, values in SERIES.items()
    )
    events = events_of(watch("-", "--format", "jsonl", stdin=text.encode()).stdout)
    assert {event["event"] for event in events} == {"plateau", "ended"}
    assert folded(events) == {f"host={host}": expected(tmp_path, host) for host in SERIES}


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


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b'{"data": ' + b"[" * 100_000, "maximum recursion depth exceeded"),
        (b'{"data": {"resultType": "scalar", "result": [Infinity, "1"]}}', "infinity"),
        (b'{"data": {"resultType": "vector", "result": [{"metric": 1}]}}', "not iterable"),
    ],
    ids=["deep", "a time without end", "no labels"],
)
def test_an_answer_that_is_none_is_told_and_asked_for_again(monkeypatch, answer, told):
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: BytesIO(answer))
    said = []
    query = Query("prometheus+http://localhost?query=up&every=1ms", said.append)
    for _ in range(2):
        assert query.read() == b""
    assert len(said) == 1
    assert "gives no answer, and is asked again" in said[0]
    assert told in said[0]


@pytest.mark.parametrize("code", [200, 400])
def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch, code):
    class Endless(BytesIO):
        def read(self, size=-1):
            assert 0 < size < 100 << 20
            return b"[" * size

    def asked(address, timeout):
        if code == 200:
            return Endless()
        raise HTTPError(address, code, "wrong", {}, Endless())

    monkeypatch.setattr("urllib.request.urlopen", asked)
    said = []
    query = Query("prometheus+http://localhost?query=up", said.append)
    if code == 400:
        with pytest.raises(LogError, match="up: answers 400 wrong"):
            query.read()
        return
    assert query.read() == b""
    assert "it is longer than 32 MiB" in said[0]


def test_a_label_with_half_a_character_is_read(monkeypatch):
    result = {"metric": {"__name__": "up", "host": "a\ud800"}, "value": [START, "1"]}
    answer = json.dumps({"data": {"resultType": "vector", "result": [result]}}).encode()
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: BytesIO(answer))
    query = Query("prometheus+http://localhost?query=up", print)
    assert query.read() == b'up{host="a?"} 1 %d\n' % (1000 * START)


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


@pytest.mark.parametrize(
    "metric", [{"__name__": "wait_seconds_count"}, {"le": "0.5"}, {"__name__": "a", "le": "1"}]
)
def test_what_a_query_asks_for_is_a_series(tmp_path, metric):
    result = [
        {"metric": {**metric, "host": host}, "value": [START + i, f"{i % 7 + 0.5}"]}
        for i in range(30)
        for host in "ab"
    ]
    log = tmp_path / "run.prom"
    log.write_text("".join(_lines("vector", result)))
    assert [run.name for run in read_log(log).runs] == ["host=a", "host=b"]


def session_of(tmp_path, log, run_length=None, metric=None, **budget):
    asked = Asked(metric=metric)
    options = Options(str(log), asked, Rule(), None, (), None, None, **budget)
    teller = Teller(
        json=True, output=tmp_path / "events", command=None, alerts=None, complain=print, stop=None
    )
    return Session(options, teller, print, lambda _: None, run_length=run_length)


def run_lengths(tmp_path, metric=None, run_length=None):
    """Of the series in a log of two hosts with two metrics each, in a budget of 2 alarms."""
    log = tmp_path / "run.prom"
    lines = (
        f'{name}{{host="{host}"}} {i}.5\n' for i in range(30) for name in "xy" for host in "ab"
    )
    log.write_text("".join(lines))
    session = session_of(tmp_path, log, run_length, metric, alarms=2.0, per=1000.0)
    session.step(keep=False)
    session.close()
    return [runs.run_length for runs in session._series.runs.values()]


@pytest.mark.parametrize(
    "line",
    ['wait{{host="{host}"}} {i}.5 {at}000\n', "wait,host={host} value={i}.5 {at}000000000\n"],
    ids=["prometheus", "influx"],
)
def test_one_series_may_be_the_first_of_several(tmp_path, line):
    log = tmp_path / "run.log"
    session = session_of(tmp_path, log)
    for hosts in ("a", "ab"):
        with log.open("a") as file:
            rows = (line.format(host=host, i=i, at=START + i) for i in range(60) for host in hosts)
            file.write("".join(rows))
        session.step(keep=False)
    session.close()
    found = {key: runs.track.rows for key, runs in session._series.runs.items()}
    assert found == {("host=a", "wait"): 120, ("host=b", "wait"): 60}


def test_what_counts_steps_is_one_run(tmp_path):
    log = tmp_path / "run.log"
    rows = (f"train,run=7 step={i},loss={1 / (1 + i)} {START + i}000000000\n" for i in range(60))
    log.write_text("".join(rows))
    session = session_of(tmp_path, log)
    session.step(keep=False)
    session.close()
    assert session._series is None
    assert session._log.columns.chosen.metric == "train loss"


@pytest.mark.parametrize(
    "line",
    [
        "train,run={run} step={i},loss={value} {at}000000000\n",
        'train_step{{run="{run}"}} {i}\ntrain_loss{{run="{run}"}} {value}\n',
        '{{"run": "{run}", "step": {i}, "loss": {value}}}\n',
        '{{"ts": {at}, "run": "{run}", "loss": {value}}}\n',
    ],
    ids=["influx", "prometheus", "json lines", "json lines with times"],
)
@pytest.mark.parametrize("resumed", [False, True])
def test_what_is_one_run_becomes_series_where_another_comes(tmp_path, line, resumed):
    """From its first sample on, however the lines come, and also where the watch was killed."""
    values = SERIES["a"]
    lines = [
        line.format(run=run, i=i, value=values[i], at=START + i)
        for i in range(400)
        for run in ("ba" if i >= 300 else "a")
    ]
    found = []
    for size in (70, 300):
        log = tmp_path / f"{size}.log"
        session = session_of(tmp_path, log)
        for at in range(0, len(lines), size):
            if resumed and session.begun:
                state = json.loads(json.dumps(session.state()))
                session.close()
                session = session_of(tmp_path, log)
                session.restore(state)
            with log.open("a") as file:
                file.write("".join(lines[at : at + size]))
            session.step(keep=False)
        session.close()
        runs = session._series.runs
        found.append({key: one.track.detector.to_bytes() for key, one in runs.items()})
        losses = {run: one.track.rows for (run, name), one in runs.items() if "loss" in name}
        assert losses == {"run=a": 100, "run=b": 100}
    assert found[0] == found[1]


def test_uneven_times_of_a_series_take_little_memory(tmp_path):
    log, rng = tmp_path / "run.prom", np.random.default_rng(3)
    times = 15_000 * np.arange(ROWS) + rng.integers(0, 3000, ROWS)
    lines = (
        f'wait{{host="{host}"}} {values[i]} {1000 * START + times[i]}\n'
        for i in range(ROWS)
        for host, values in SERIES.items()
    )
    log.write_text("".join(lines))
    session = session_of(tmp_path, log)
    session.step(keep=False)
    session.close()
    for runs in session._series.runs.values():
        kept = runs.track.x
        assert runs.track.rows == ROWS
        assert len(kept.starts) <= 2 * PIECES
        assert kept(700) == pytest.approx(1000 * START + times[700], abs=6000)


def test_series_share_a_budget_of_alarms(tmp_path):
    assert run_lengths(tmp_path) == [2 * 4 * 500.0] * 4
    assert run_lengths(tmp_path, metric="x") == [2 * 2 * 500.0] * 2  # others get none of it
    lengths = run_lengths(tmp_path, run_length=8000.0)  # the share of this log, of many
    assert sum(1 / length for length in lengths) <= 1 / 8000


def test_series_that_are_silent_longest_are_forgotten(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("plateau.watching.labelled.MOST", 2)
    log = tmp_path / "run.prom"
    lines = [f'x{{host="{host}"}} {i}.5\n' for host in "abacdaa" for i in range(9)]
    log.touch()
    session = session_of(tmp_path, log)
    for line in lines:
        with log.open("a") as file:
            file.write(line)
        session.step(keep=False)
    session.close()
    assert [labels for labels, _ in session._series.runs] == ["host=d", "host=a"]
    counts = [runs.track.detector.count for runs in session._series.runs.values()]
    assert counts == [9, 18]  # d came in the place of a, which begins anew
    assert set(session._series.chosen) == set(session._series.runs)
    assert capsys.readouterr().out == (
        f"{log}: more than 2 series: those that are silent longest are forgotten, and begin anew "
        "if they come again\n"
    )
    assert session.status().startswith("2 series: ")


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
    head, line = shown[-1]().split("\n")
    assert head == "1 log: 1 of several series"
    assert line.startswith("run.prom: 3 series: ")


@pytest.mark.parametrize("horizon", ["40", "40s"])  # rows are held until a duration is known
def test_killed_and_resumed_series_tell_what_they_would_have_told(tmp_path, horizon):
    log, state, out = (tmp_path / name for name in ("run.prom", "state", "events"))
    lines = text_of(LINES["prometheus"]).splitlines(keepends=True)
    options = [log, "--format", "jsonl", "--horizon", horizon]
    kept = ["--state", state, "--output", out]
    log.write_text("".join(lines[:150]))
    watching = begin(*options, *kept)
    until(state.exists)
    for at in range(150, 2600, 50):
        with log.open("a") as file:
            file.write("".join(lines[at : at + 50]))
    until(lambda: out.exists() and out.read_bytes())
    watching.send_signal(signal.SIGKILL)
    watching.communicate()
    with log.open("a") as file:
        file.write("".join(lines[2600:]))
    done = watch(*options, *kept, "--idle", "0")
    assert done.returncode == 0, done.stderr
    whole = events_of(watch(*options, "--idle", "0").stdout)
    assert by_series(events_of(out.read_bytes())) == by_series(whole)
    assert {event["event"] for event in whole} == {"plateau", "ended"}


def by_series(events):
    found = {}
    for event in events:
        told = {name: value for name, value in event.items() if name != "number"}
        found.setdefault(told["run"], []).append(told)
    return found


def test_a_budget_of_series_is_kept(tmp_path):
    log, state = tmp_path / "run.prom", tmp_path / "state"
    for hosts in ("ab", "c"):  # the third one after a restart
        lines = (f'x{{host="{host}"}} {i}.5\n' for i in range(30) for host in hosts)
        with log.open("a") as file:
            file.write("".join(lines))
        done = watch(log, "--idle", "0", "--state", state, "--alarms", "0.5", "--per", "1000")
        assert done.returncode == 0, done.stderr
    made = [each["runs"]["run_length"] for each in json.loads(state.read_text())["series"]["of"]]
    assert made == [8000.0, 8000.0, 16_000.0]


def test_a_query_keeps_no_state(tmp_path, address):
    done = watch(f"{address}?query=a", "--state", tmp_path / "state")
    assert done.returncode == 2
    assert b"Prometheus cannot be read again" in done.stderr
