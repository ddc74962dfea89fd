"""Redis: exact through kills, against its own server."""

import inspect
import json
import shutil
import subprocess
from unittest import mock

import pytest
from contract import by_key, ended, expected, free_port, killed, messages, serve, until

from plateau import Haar, ThresholdDetector

redis = pytest.importorskip("redis", reason="needs the client of Redis")
SERVER = shutil.which("redis-server")

pytestmark = pytest.mark.skipif(not SERVER, reason="there is no redis-server")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    server = subprocess.Popen(
        [SERVER, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(port=port)

    def answers():
        try:
            return client.ping()
        except redis.ConnectionError:
            return False

    until(answers, "the server of Redis")
    client.close()
    yield f"redis://127.0.0.1:{port}"
    server.terminate()
    server.wait()


@pytest.fixture
def client(url):
    with redis.Redis.from_url(url) as client:
        client.flushall()
        yield client


def told(client, name="events"):
    return [json.loads(fields[b"event"]) for _, fields in client.xrange(name)]


def test_three_kills_change_no_event(client, url):
    number = 0
    with client.pipeline(transaction=False) as pipeline:
        for key, sample in messages():
            pipeline.xadd("metrics", {"key": key, "value": repr(sample)})
            number += 1
            if number % 5000 == 0:
                pipeline.execute()
        pipeline.execute()

    def read():
        groups = client.xinfo_groups("metrics") if client.exists("metrics:plateau") else []
        return groups[0]["entries-read"] if groups else 0

    arguments = url, "--topic", "metrics", "--output-topic", "events", "--live", 30
    for share in (0.25, 0.5, 0.75):
        process = serve(*arguments)
        killed(process, lambda share=share: read() >= share * number, "a quarter of the messages")
        assert read() < number
    assert ended(serve(*arguments, "--idle", 0.5)) == []
    assert by_key(told(client)) == expected()
    assert client.xpending("metrics", "plateau")["pending"] == 0


def stream(client, complain, **settings):
    from plateau_streams.by_redis import RedisStream

    rule = ThresholdDetector(Haar(2), threshold=0.1, patience=3)
    return RedisStream(client, "metrics", "events", rule, complain=complain, **settings)


def test_bad_messages_are_one_line_and_left_out(client):
    lines = []
    client.xadd("metrics", {"key": "a", "value": "warm"})
    client.xadd("metrics", {"value": "1.0"})
    for _ in range(7):
        client.xadd("metrics", {"key": "a", "value": "3.0"})
    assert stream(client, lines.append).take() == 9
    assert [line.split(" ", 3)[3] for line in lines] == [
        "has a value that is no number and is left out",
        "has no key and is left out",
    ]
    assert [(each["key"], each["event"]) for each in told(client)] == [("a", "plateau")]


def test_what_could_not_be_written_is_taken_again(client, monkeypatch):
    taker = stream(client, print)
    for _ in range(7):
        client.xadd("metrics", {"key": "a", "value": "3.0"})
    fails = mock.Mock(side_effect=redis.ConnectionError)
    monkeypatch.setattr(redis.client.Pipeline, "execute", fails)
    with pytest.raises(redis.ConnectionError):
        taker.take()
    monkeypatch.undo()
    assert told(client) == []
    assert taker.take() == 7
    assert [each["event"] for each in told(client)] == ["plateau"]
    assert taker.take() == 0


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("form", [{}, {"legacy_responses": False}], ids=str)
def test_either_protocol_gives_the_same(client, url, protocol, form):
    if not inspect.signature(redis.Redis).parameters.keys() >= form.keys():
        pytest.skip("answers have one form only")
    with redis.Redis.from_url(url, protocol=protocol, **form) as other:
        taker = stream(other, print, batch=4)
        for _ in range(7):
            client.xadd("metrics", {"key": "a", "value": "3.0"})
        assert [taker.take() for _ in range(3)] == [4, 3, 0]
        assert [each["event"] for each in told(client)] == ["plateau"]
        again = stream(other, print)
        assert again.take() == 0


def test_a_connection_that_decodes_is_refused_in_a_line(run, url):
    arguments = "--topic", "metrics", "--output-topic", "events", "--idle", 0
    code, _, err = run("stream", f"{url}?decode_responses=True", *arguments)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "must not have decode_responses" in err


def test_the_output_must_be_a_stream(client):
    client.set("events", "text")
    with pytest.raises(ValueError, match="events is a string of Redis, not a stream"):
        stream(client, print)


def test_groups_do_not_share_states(client):
    first, second = stream(client, print), stream(client, print, group="other", batch=2)
    for _ in range(7):
        client.xadd("metrics", {"key": "a", "value": "3.0"})
    assert (first.take(), second.take(), second.take()) == (7, 2, 2)
    assert client.hlen(first.states) == client.hlen(second.states) == 1
    assert first.states != second.states


def test_a_server_that_is_not_there_is_one_line(run):
    url = f"redis://127.0.0.1:{free_port()}"
    code, _, err = run("stream", url, "--topic", "metrics", "--output-topic", "events")
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.startswith(f"plateau: {url}: ")
