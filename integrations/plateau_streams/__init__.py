"""Streams by key on engines: the recipes of the page "Streams by key" as a package.

`plateau_streams.by_kafka` needs quixstreams (extra ``kafka``), `plateau_streams.by_redis` the
client of Redis (extra ``redis``).
"""

from plateau_streams.messages import Fields as Fields
from plateau_streams.messages import MessageError as MessageError
from plateau_streams.messages import record as record

__all__ = ["Fields", "MessageError", "record"]
