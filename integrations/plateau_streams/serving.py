"""What ``plateau stream`` does: serve a stream of an engine until it is told to end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from plateau.base import PlateauDetector
from plateau.watching.stop import Stop
from plateau_streams.messages import Fields

PATIENCE = 2.0
"""Seconds between two looks for a topic that is not there."""


@dataclass(frozen=True)
class Served:
    """Which streams are served, and how."""

    url: str
    topic: str
    output: str
    detector: PlateauDetector
    key: str | None
    value: str
    group: str
    live: int
    idle: float | None
    """Seconds without a message after which to end; None: never."""
    complain: Callable[[str], None]


def of_redis(served: Served) -> None:
    """Serve a stream of Redis."""
    import redis

    from plateau_streams.by_redis import RedisStream

    with Stop() as stop:
        try:
            stream = RedisStream(
                redis.Redis.from_url(served.url),
                served.topic,
                served.output,
                served.detector,
                key=served.key or "key",
                value=served.value,
                group=served.group,
                live=served.live,
                complain=served.complain,
            )
            last = time.monotonic()
            while stop.by is None:
                if stream.take(block=0.2):
                    last = time.monotonic()
                elif served.idle is not None and time.monotonic() - last >= served.idle:
                    return
        except redis.RedisError as error:
            raise ValueError(f"{served.url}: {error}") from None


def of_kafka(served: Served) -> None:
    """Serve a topic of Kafka; wait for it if it is not there."""
    from plateau_streams.by_kafka import application

    brokers = urlsplit(served.url).netloc
    if not _wait_for(brokers, served):
        return
    run = application(
        brokers,
        served.topic,
        served.output,
        served.detector,
        fields=Fields(served.key, served.value),
        group=served.group,
        live=served.live,
        complain=served.complain,
        loglevel="ERROR",
    ).run
    if served.idle is None:
        run()
    else:
        run(timeout=served.idle)


def _wait_for(brokers: str, served: Served) -> bool:
    """Wait until the topic is there, and say so; return False if that was ended."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin, told = AdminClient({"bootstrap.servers": brokers, "log_level": 0}), False
    began = time.monotonic()
    with Stop() as stop:
        while stop.by is None:
            try:
                topics = admin.list_topics(timeout=10.0).topics
            except KafkaException as error:
                raise ValueError(f"{served.url}: {error.args[0].str()}") from None
            if served.topic in topics and topics[served.topic].error is None:
                return True
            if not told:
                served.complain(f"{served.url}: there is no topic {served.topic} yet")
                told = True
            if served.idle is not None and time.monotonic() - began >= served.idle:
                return False
            time.sleep(PATIENCE)
    return False
