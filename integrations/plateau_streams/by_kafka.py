"""Topics of Kafka, by a stateful application of quixstreams."""

from collections.abc import Callable
from typing import Any

from quixstreams import Application, State, message_context

from plateau import KeyedDetectors
from plateau.base import PlateauDetector
from plateau_streams.messages import Complaints, Fields, MessageError, record

USUAL = Fields(value="value")
"""The key is the message's own."""


def application(
    brokers: str,
    topic: str,
    output: str,
    detector: PlateauDetector,
    *,
    fields: Fields = USUAL,
    group: str = "plateau",
    live: int = 10_000,
    complain: Callable[[str], None] = print,
    **settings: Any,
) -> Application:
    """Return an application that writes what happens in the streams of a topic into another topic.

    Each key of the topic is a stream; its state is in the application's store, with a changelog
    topic. Messages are taken at least once: after a crash the last events may be written again,
    with the same ``key``, ``index`` and ``event``. None is lost, and no sample counts twice.

    Parameters
    ----------
    brokers : str
        Where Kafka is: ``host:port``, several with commas.
    topic, output : str
        Names of the topics that are read and written. Messages with one key must lie in one
        partition, as they do where the key is the message's own.
    detector : PlateauDetector
        Taken as a description: each key begins at its start.
    fields : Fields
        Where a message has its key and its value; by default the message's own key, and the field
        ``value`` of its JSON.
    group : str, default "plateau"
        The consumer group; another group has states of its own.
    live : int, default 10000
        Detectors that are kept ready, see `plateau.KeyedDetectors`.
    complain : callable
        Is told in a line what is wrong with a message, which is then left out.
    **settings
        Further settings of ``quixstreams.Application``, such as ``state_dir`` and
        ``commit_interval``.

    Examples
    --------
    ::

        application("localhost:9092", "metrics", "events", plateau.Detector()).run()
    """
    settings = {"auto_offset_reset": "earliest", **settings}
    made = Application(broker_address=brokers, consumer_group=group, **settings)
    source = made.topic(topic, key_deserializer="bytes", value_deserializer="bytes")
    told = made.topic(output, key_serializer="bytes", value_serializer="json")
    taker = _Taker(topic, detector, fields, live, complain)
    frame = made.dataframe(source)
    frame = frame.apply(taker, stateful=True, expand=True, metadata=True)
    frame.to_topic(told)
    return made


class _Taker:
    """Takes a message, given the state of its key."""

    def __init__(
        self,
        topic: str,
        detector: PlateauDetector,
        fields: Fields,
        live: int,
        complain: Callable[[str], None],
    ) -> None:
        self._topic, self._fields = topic, fields
        self._complaints = Complaints(complain)
        # A state comes with each message, so none need be held.
        self._keyed = KeyedDetectors(detector, live=live, load=lambda _: None)

    def __call__(
        self, value: Any, key: Any, timestamp: int, headers: Any, state: State
    ) -> list[dict[str, Any]]:
        context = message_context()
        try:
            name, sample = self._fields.read(key, value)
        except MessageError as error:
            self._complaints(f"{self._topic} {context.partition}:{context.offset}", str(error))
            return []
        own, kept = (context.partition, key, name), f"plateau {name}"
        # The application may have gone back to an earlier state, or another worker gone on.
        self._keyed.restore(own, state.get_bytes(kept))
        events = self._keyed.take(own, context.offset, sample)
        for packed in self._keyed.collect().values():
            state.set_bytes(kept, packed)
        return [record(name, event) for event in events]
