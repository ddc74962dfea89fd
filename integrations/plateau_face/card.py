"""The card of a network: what a user of its file should know."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plateau.showing.printing import printable
from plateau_face.checkpoint import checkpoint_of, load_checkpoint, load_model
from plateau_face.config import Config
from plateau_face.files import replacing
from plateau_face.log import LOG
from plateau_face.published import ADAFACE, write_weights

INPUT, OUTPUT = "images", "embeddings"


def export_weights(run: Path, target: Path, terms: str | None = None) -> tuple[str, Path]:
    """Write the weights of a run under the names of others, and a card beside them.

    Returns
    -------
    whose : str
        Whose names they are.
    card : Path

    Raises
    ------
    ValueError
        If nobody has names for such a network.
    """
    model, config = load_model(run)
    whose = write_weights(model.cpu(), target)
    facts = describe(run, config, terms) | {"names": f"those of {whose}'s program"}
    if whose == ADAFACE:
        facts["input"] = facts["input"].replace("RGB", "BGR")
    return whose, write_card(target, facts)


def write_card(target: Path, facts: Mapping[str, str]) -> Path:
    """Write the card of a file beside it, and return where."""
    card = target.with_suffix(".card.md")
    with replacing(card) as file:
        file.write(card_text(target.name, facts).encode())
    return card


def describe(run: Path, config: Config, terms: str | None) -> dict[str, str]:
    """Return what a user of the file should know, by name."""
    state = load_checkpoint(run)
    side = config.image_size
    head = "Semi-Siamese, " if config.siamese else ""
    return {
        "network": f"{config.model}, trained by plateau-face",
        "input": (
            f"{INPUT}: float32, batch × 3 × {side} × {side}; RGB, (value − 127.5) / 127.5, faces "
            "aligned as those of the training"
        ),
        "output": (
            f"{OUTPUT}: float32, batch × {config.dim}; not of length 1; add that of the mirror "
            "image, then compare by cosine"
        ),
        "training data": (
            ", ".join(Path(path).name for path in config.data)
            or "faces drawn from parameters, of no person"
        ),
        "identities": str(state["classes"]),
        "terms of the data": data_terms(config, terms),
        "training": (
            f"{state['step']} steps of {config.batch} images, {head}{config.margin} at scale "
            f"{config.scale:g}, {config.optimizer}, schedule {config.schedule}, seed {config.seed}"
            + (f"; begun with the weights {Path(config.init).name}" if config.init else "")
        ),
        "verification": verification(checkpoint_of(run).with_name(LOG), state["step"]),
    }


def data_terms(config: Config, terms: str | None) -> str:
    """Return the terms that came with the data, or that they are not known."""
    if terms or config.terms:
        return terms or config.terms
    if config.synthetic:
        return "none: the program drew them"
    return "not stated; ask for those of the data before passing the network on"


def verification(log: Path, step: int) -> str:
    """Return the last figures of a log up to a step."""
    last: dict[str, float] = {}
    try:
        for line in log.read_text().splitlines():
            row: Mapping[str, Any] = json.loads(line)
            if row["step"] <= step:
                last |= {k: float(value) for k, value in row.items() if k.startswith("val_")}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise ValueError(f"{log}: is no log of a run") from None
    return ", ".join(f"{name[4:]} {value:.4f}" for name, value in last.items()) or "none"


def card_text(name: str, facts: Mapping[str, str]) -> str:
    """Return the card as Markdown."""
    entries = "\n".join(f"- **{fact}**: {printable(text)}" for fact, text in facts.items())
    return (
        f"# {name}\n\n{entries}\n\n"
        "Whether two faces are of one person is a matter of a threshold, and errors differ\n"
        "between groups of people: measure both on faces like those it is meant for, before it\n"
        "decides anything about anybody.\n"
    )
