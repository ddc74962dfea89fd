"""``plateau stream``."""

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from plateau.commands.groups import RuleOptions, grouped
from plateau.commands.messages import clear_errors, complain
from plateau.commands.options import LOG, OUTPUT, Idle, Mode, option

if TYPE_CHECKING:
    from plateau.base import PlateauDetector

EXTRAS = {"kafka": "kafka", "redis": "redis", "rediss": "redis", "unix": "redis"}
"""Extra that an engine needs, by the scheme of its URL."""


@grouped
def stream(
    url: Annotated[
        str,
        typer.Argument(help="Engine: kafka://HOST:PORT or redis://HOST:PORT.", show_default=False),
    ],
    topic: Annotated[str, option(LOG, "Topic of Kafka, or stream of Redis, to read.", "--topic")],
    output_topic: Annotated[
        str, option(OUTPUT, "Topic or stream that takes the events.", "--output-topic")
    ],
    settings: RuleOptions,
    key: Annotated[
        str | None,
        option(LOG, "Field of the key. Default: the message's own; of Redis 'key'.", "--key"),
    ] = None,
    value: Annotated[str, option(LOG, "Field of the sample.", "--value")] = "value",
    mode: Annotated[Mode, option(LOG, "Which way the samples get better.", "--mode")] = Mode.min,
    group: Annotated[
        str, option(LOG, "Consumer group; another one has states of its own.", "--group")
    ] = "plateau",
    live: Annotated[
        int, option(OUTPUT, "Detectors that are kept ready.", "--live", least=1)
    ] = 10_000,
    idle: Idle = None,
) -> None:
    """Take the streams by key of Kafka or Redis, and write what happens into another topic."""
    engine = urlsplit(url).scheme
    if engine not in EXTRAS:
        raise typer.TyperException(f"{url}: must begin with kafka:// or redis://")
    detector = _detector(settings, mode)
    try:
        from plateau_streams import serving

        serve = serving.of_kafka if engine == "kafka" else serving.of_redis
        about = url, topic, output_topic, detector, key, value, group, live, idle, complain
        with clear_errors():
            serve(serving.Served(*about))
    except ModuleNotFoundError as error:
        extra = f"python -m pip install 'plateau-detect[{EXTRAS[engine]}]'"
        raise typer.TyperException(f"{engine}:// needs {error.name}: {extra}") from None


def _detector(settings: RuleOptions, mode: Mode) -> "PlateauDetector":
    """Return the detector of each key, which no series is known for yet."""
    import numpy as np

    rule = settings.rule()
    with clear_errors():
        rule.refuse_open("a stream")
        return rule.detector(np.zeros(0), 0, mode.value)
