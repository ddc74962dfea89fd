"""Alerts: what is sent and tried again, how many an hour, and that nothing secret is told."""

import json
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from following import staircase
from processes import PLATEAU

from plateau import Schedule, ThresholdDetector
from plateau.alerts import Alerts, Mail, NotSentError, Webhook, sending
from plateau.alerts.asked import sink_of
from plateau.filters import Haar
from plateau.watching.prometheus import Query

SECRET = "T0p-S3cr3t"


class Kept:
    """Keeps what it is sent, after so many errors."""

    def __init__(self, *errors):
        self.errors, self.tries, self.sent = list(errors), 0, []

    def send(self, title, text):
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append((title, text))


@pytest.fixture
def told():
    return []


@pytest.fixture
def hook(monkeypatch):
    """A webhook on this machine: it answers with these codes, and then with 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((self.path, json.loads(body)["text"]))
            self.send_response(server.codes.pop(0) if server.codes else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.codes = [], []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/{SECRET}"
    monkeypatch.setenv("PLATEAU_WEBHOOK", server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_place_is_tried_again_where_that_may_help(told):
    busy = Kept(NotSentError("busy", again=True), NotSentError("busy", again=True))
    gone = Kept(*[NotSentError("gone")] * 2)
    alerts = Alerts(busy, gone, pause=0, complain=told.append)
    alerts.send("flat", "since 3")
    assert (busy.tries, busy.sent) == (3, [("flat", "since 3")])
    assert (gone.tries, told) == (1, ["an alert was not sent by Kept: gone"])


def test_a_place_that_is_out_of_order_is_told_of_by_the_type_of_its_error():
    broken = Kept(*[RuntimeError(f"https://me:{SECRET}@example.org refuses")] * 2)
    alerts = Alerts(broken, retries=1, pause=0)
    with pytest.warns(UserWarning, match="^an alert was not sent by Kept: RuntimeError$") as told:
        alerts.send("flat", "since 3")
    assert broken.tries == 2
    assert SECRET not in str([warning.message for warning in told])


def test_only_so_many_are_sent_an_hour(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(sending.time, "monotonic", lambda: now)
    kept = Kept()
    alerts = Alerts(kept, hourly=2)
    for i in range(5):
        alerts.send("flat", f"{i}")
        now += 600
    assert [text for _, text in kept.sent] == ["0", "1"]
    now = 1000.0 + 3600
    alerts.send("flat", "later")
    alerts.send("flat", "not yet")
    now += 600
    alerts.send("flat", "last")
    assert [text for _, text in kept.sent][2:] == [
        "later (3 alerts before this one were left out)",
        "last (1 alerts before this one were left out)",
    ]


def test_an_event_of_a_schedule_is_told_with_its_rate():
    kept = Kept()
    alerts = Alerts(kept, name="run 7")
    schedule = Schedule(ThresholdDetector(Haar(window=4), threshold=0.1, patience=3))
    for loss in [9.0, 7.0, 5.0, 3.0] + [2.0] * 8:
        if event := schedule.step(loss, 0.4):
            alerts(event)
    assert kept.sent == [("run 7: plateau", "since sample 5, level 2, learning rate times 0.5")]


def test_what_is_sent_is_one_line():
    kept = Kept()
    Alerts(kept, name="a\nb").send("c\x1b[31m", "d\r\ne")
    assert kept.sent == [("a b: c\ufffd[31m", "d  e")]


def test_what_is_no_sink_is_refused():
    for sink in (Kept, 3):
        with pytest.raises(TypeError, match=r"a sink of alerts has a send\(title, text\)"):
            Alerts(sink)


def test_a_webhook_gets_the_text_and_calls_nobody(hook):
    Webhook().send("<!channel>: plateau", "a & b")
    assert hook.got == [(f"/{SECRET}", "*&lt;!channel&gt;: plateau* a &amp; b")]


@pytest.mark.parametrize(("code", "tries"), [(500, 3), (429, 3), (404, 1), (302, 1)])
def test_a_webhook_that_refuses(code, tries, hook, told):
    hook.codes = [code] * 9
    Alerts(Webhook(), pause=0, complain=told.append).send("flat", "since 3")
    assert told == [f"an alert was not sent by Webhook: it answers with {code}"]
    assert [path for path, _ in hook.got] == [f"/{SECRET}"] * tries


def test_a_webhook_that_is_not_there(monkeypatch, told):
    monkeypatch.setenv("PLATEAU_WEBHOOK", f"http://127.0.0.1:9/{SECRET}")
    Alerts(Webhook(), retries=0, complain=told.append).send("flat", "since 3")
    assert told == ["an alert was not sent by Webhook: it cannot be reached"]


@pytest.fixture
def dripping():
    """The port of a server that sends a letter of its answer now and then, for ever."""
    stop = threading.Event()

    def drip(client):
        with client, suppress(OSError):
            client.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not stop.wait(0.05):
                client.sendall(b"x")

    def serve():
        while not stop.is_set():
            client, _ = server.accept()
            threads.append(threading.Thread(target=drip, args=(client,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threads = [threading.Thread(target=serve)]
        threads[0].start()
        port = server.getsockname()[1]
        yield port
        stop.set()
        socket.create_connection(("127.0.0.1", port)).close()
        for thread in threads:
            thread.join()


def test_a_webhook_that_never_comes_to_an_end(dripping, monkeypatch, told):
    """Each letter comes in time; copies begin without what hangs."""
    monkeypatch.setenv("PLATEAU_WEBHOOK", f"http://127.0.0.1:{dripping}/{SECRET}")
    webhook, begin = Webhook(timeout=0.3), time.monotonic()
    Alerts(webhook, pause=0, complain=told.append).send("flat", "since 3")
    assert time.monotonic() - begin < 5
    assert told == ["an alert was not sent by Webhook: it does not answer in time"]
    assert pickle.loads(pickle.dumps(webhook)).send.__name__ == "send"


def test_a_query_that_never_comes_to_an_end(dripping, monkeypatch, told):
    monkeypatch.setattr("plateau.watching.prometheus.LIMIT", 0.3)
    query = Query(f"prometheus+http://127.0.0.1:{dripping}?query=up&every=1ms", told.append)
    assert [query.read() for _ in range(2)] == [b"", b""]
    assert len(told) == 1
    assert told[0].endswith("gives no answer, and is asked again: timed out")


def test_the_url_of_a_webhook_is_nowhere_but_in_its_place(hook, monkeypatch, tmp_path, told):
    file = tmp_path / "url"
    file.write_text(f"{hook.url}\n")
    webhook = Webhook(file=file)
    webhook.send("flat", "since 3")
    assert len(hook.got) == 1
    for each in (webhook, Webhook()):
        assert SECRET not in f"{each!r} {vars(each)}"
        assert SECRET.encode() not in pickle.dumps(each)
    file.write_text(f"http://{SECRET} {SECRET}/\n")  # urllib's error has it in its text
    Alerts(webhook, pause=0, complain=told.append).send("flat", "since 3")
    with pytest.raises(NotSentError) as error:
        webhook.send("flat", "since 3")
    assert SECRET not in f"{told} {error.value}"
    assert error.value.__suppress_context__
    monkeypatch.setenv("PLATEAU_WEBHOOK", SECRET)
    with pytest.raises(ValueError, match=r"no URL of a webhook in the variable PLATEAU_WEBHOOK$"):
        Webhook()


def test_mail_is_given_to_a_command(tmp_path):
    got = tmp_path / "got"
    program = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    Mail("me@example.org", command=[sys.executable, "-c", program, str(got)]).send(
        "flat", "it is ü"
    )
    head, _, body = got.read_text().partition("\n\n")
    assert "To: me@example.org\nSubject: flat\n" in head
    assert body == "it is =C3=BC\n" or "ü" in body or "it is" in body


def test_a_mail_that_is_not_sent(told):
    failing = Mail("me@example.org", command=[sys.executable, "-c", "raise SystemExit(3)"])
    absent = Mail("me@example.org", command="no-such-program -t")
    Alerts(failing, absent, retries=0, complain=told.append).send("flat", "since 3")
    assert told == [
        f"an alert was not sent by Mail: {sys.executable} ended with code 3",
        "an alert was not sent by Mail: no-such-program cannot be run: No such file or directory",
    ]
    with pytest.raises(ValueError, match="to must be an address"):
        Mail("nobody")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (f"https://hooks.example.org/{SECRET}", "must begin with one of: webhook, mail, "),
        (f"webhook:https://hooks.example.org/{SECRET}", "there for all to see: put it in the"),
        ("mail", "--alert mail needs something behind it"),
        ("mail:nobody", "to must be an address"),
    ],
)
def test_a_place_that_cannot_be_meant(asked, why):
    with pytest.raises(ValueError, match=why) as error:
        sink_of(asked)
    assert SECRET not in str(error.value)


def test_a_place_without_its_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ValueError, match=r"--alert wandb: .*python -m pip install wandb$"):
        sink_of("wandb:project")


def test_a_watch_sends_alerts_and_tells_no_secret(hook):
    command = [*PLATEAU, "watch", "-"]
    done = subprocess.run(
        [*command, "--alert", "webhook", "--alert", "mail:me@example.org"],
        input=staircase(3000).encode(),
        capture_output=True,
        check=False,
        env=os.environ | {"PATH": ""},  # without sendmail
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout.decode().splitlines()[1:]
    said = [line.removeprefix("run 1, ") for line in told]
    assert [text for _, text in hook.got] == [f"*-, run 1: plateau* {line}" for line in said]
    assert len(told) == 1
    assert b"--alert: an alert was not sent by Mail: sendmail cannot be run" in done.stderr
    assert SECRET.encode() not in done.stdout + done.stderr
    refused = subprocess.run([*command, "--alert", "nowhere"], capture_output=True, check=False)
    assert refused.returncode == 2
    assert b"--alert must begin with one of" in refused.stderr
