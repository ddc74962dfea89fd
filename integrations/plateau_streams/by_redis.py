"""Streams of Redis: state, events and acknowledgement in one transaction."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import redis

from plateau import KeyedDetectors
from plateau.base import PlateauDetector
from plateau_streams.messages import Complaints, Fields, MessageError, record

Messages = list[tuple[bytes, dict[bytes, bytes] | None]]
"""Identifier and fields of each; None where it was deleted."""


class RedisStream:
    """Takes the messages of a stream of Redis, and adds what happens to another.

    The states of the keys lie in a hash of Redis. They, the events and the acknowledgement of the
    messages are written in one transaction, so each event is told once, whenever the process is
    killed. One process at a time serves a stream: give each shard of the keys a stream of its own.

    Parameters
    ----------
    client : redis.Redis
        The connection, of either protocol, without ``decode_responses``.
    stream : str
        Name of the stream that is read. Its messages have a field each for key and value.
    output : str
        Name of the stream of events; each has the fields ``key`` and ``event``, which is JSON.
    detector : PlateauDetector
        Taken as a description: each key begins at its start.
    key, value : str
        Names of the fields.
    group : str, default "plateau"
        The consumer group; what it knows lies in ``{stream}:{group}``.
    batch : int, default 1000
        Messages in a transaction at most.
    live : int, default 10000
        Detectors that are kept ready, see `plateau.KeyedDetectors`.
    complain : callable
        Is told in a line what is wrong with a message, which is then left out.

    Raises
    ------
    ValueError
        If the output is something else than a stream, or the connection decodes responses.

    Examples
    --------
    ::

        stream = RedisStream(redis.Redis(), "metrics", "events", plateau.Detector())
        while True:
            stream.take(block=1.0)
    """

    def __init__(
        self,
        client: "redis.Redis",
        stream: str,
        output: str,
        detector: PlateauDetector,
        *,
        key: str = "key",
        value: str = "value",
        group: str = "plateau",
        batch: int = 1000,
        live: int = 10_000,
        complain: Callable[[str], None] = print,
    ) -> None:
        self._client: Any = client  # its annotations are those of both its kinds of client
        self.stream, self.output, self.group, self.batch = stream, output, group, batch
        self.key, self.value = key, value
        self.states = f"{stream}:{group}"
        """Name of the hash with the state of each key."""
        self._complaints = Complaints(complain)
        self._keyed = KeyedDetectors(
            detector, live=live, load=lambda own: client.hget(self.states, str(own))
        )
        self._after: str = "0"  # what this consumer had been given, before it asks for more
        self._begin()

    def take(self, block: float = 0.0) -> int:
        """Take some messages.

        Parameters
        ----------
        block : float, default 0
            Seconds to wait for one.

        Returns
        -------
        int
            How many it took; those that were left out included.
        """
        wait = max(round(1000 * block), 1)
        source, name = {self.stream: self._after}, "plateau"
        answer = self._client.xreadgroup(self.group, name, source, count=self.batch, block=wait)
        messages = _messages_in(answer)
        if messages:
            self._work(messages)
        elif self._after != ">":
            self._after = ">"
            return self.take(block)
        return len(messages)

    def _begin(self) -> None:
        kind = self._client.type(self.output)
        if isinstance(kind, str):
            raise ValueError("the connection must not have decode_responses: states are bytes")
        # Redis would write the rest of a transaction if this were another thing.
        if kind not in (b"stream", b"none"):
            raise ValueError(f"{self.output} is a {kind.decode()} of Redis, not a stream")
        try:
            self._client.xgroup_create(self.stream, self.group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):  # it is there
                raise

    def _work(self, messages: Messages) -> None:
        try:
            with self._client.pipeline(transaction=True) as commit:
                for identifier, fields in messages:
                    for told in self._events(identifier, fields or {}):  # deleted meanwhile
                        commit.xadd(self.output, told)
                if states := self._keyed.collect():
                    commit.hset(self.states, mapping=states)
                commit.xack(self.stream, self.group, *(each for each, _ in messages))
                commit.execute()
        except BaseException:
            self._keyed.forget()  # nothing was kept
            self._after = "0"
            raise

    def _events(self, identifier: bytes, fields: dict[bytes, bytes]) -> list[dict[str, str]]:
        where = identifier.decode()
        message = {name.decode(errors="backslashreplace"): each for name, each in fields.items()}
        try:
            key, sample = Fields.take(message, self.key, self.value)
        except MessageError as error:
            self._complaints(f"{self.stream} {where}", str(error))
            return []
        time, sequence = map(int, where.split("-"))
        events = self._keyed.take(key, (time << 64) + sequence, sample)
        return [
            {"key": key, "event": json.dumps(record(key, each), allow_nan=False)} for each in events
        ]


def _messages_in(answer: Any) -> Messages:
    """Return the messages of the one stream in an answer, whose form is that of the protocol.

    It is a list of pairs of RESP2, a dict of RESP3; there the client may put what each stream has
    into one more list.
    """
    if not answer:
        return []
    found: Any = next(iter(answer.values())) if isinstance(answer, Mapping) else answer[0][1]
    wrapped = found and isinstance(found[0], list)
    messages: Messages = found[0] if wrapped else found
    return messages
