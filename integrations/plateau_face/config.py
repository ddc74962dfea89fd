"""The configuration of a training run: one flat table of names and values."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_origin

from plateau.checks import number, one_of, positive, whole
from plateau_face.data.pairs import FOLDS
from plateau_face.files import read_text
from plateau_face.margins import MARGINS
from plateau_face.models import MODELS

MAY_CHANGE = (
    "data", "identities", "val", "val_folder", "val_every", "terms", "device", "threads", "compile",
    "recompute", "log_every", "save_every", "keep", "keep_every", "tracker",
)  # fmt: skip
"""Names of the configuration that do not change what is trained, only where, on what device and
with which reports: a run may be resumed with other values."""
SCHEDULES = ("plateau", "multistep", "cosine", "poly", "reduce_on_plateau")
OPTIMIZERS = ("sgd", "adamw", "muon")
AT_PLATEAU = ("reduce", "cool")
PRECISIONS = ("fp32", "bf16", "fp16")
TRACKERS = ("wandb", "trackio")


@dataclass(frozen=True)
class Config:
    """How to train. The defaults run on any CPU; the words beside say what large sets take.

    Raises
    ------
    TypeError, ValueError
        If a value is none that the name can have.
    """

    # data
    data: tuple[str, ...] = ()
    """Folder of identities, ``.rec`` file or packed file; of several, no identity is in two."""
    identities: str = ""
    """File with the names of the identities of a folder to take; by default all."""
    least_images: int = 1
    """Leave out identities with fewer images."""
    synthetic: bool = False
    """Draw faces instead: see the next two."""
    synthetic_identities: int = 200
    synthetic_images: int = 15
    synthetic_tail: float = 0.0
    """Exponent of a long tail: the k-th identity has synthetic_images / k**tail images."""
    synthetic_val_identities: int = 40
    """Others, to verify on."""
    synthetic_val_images: int = 5
    synthetic_val_pairs: int = 1000
    synthetic_cache: str = ""
    """Folder that keeps drawn faces, for runs that would draw the same again."""
    val: tuple[str, ...] = ()
    """Verification sets: ``.bin`` files, and pair lists of files below `val_folder`."""
    val_folder: str = ""
    val_every: int = 1
    """Epochs between verifications."""
    augment: float = 0.0
    """Strength of the augmentation beyond mirroring; about 1 for small sets."""
    coarse: float = 0.0
    """Share of the images that are made as coarse as small ones; 0.2 for poor images to come."""
    terms: str = ""
    """Terms under which the data may be used, for the card of an exported network."""
    # network
    model: str = "narrow"
    init: str = ""
    """Weights to begin with: a file under the names of insightface or AdaFace."""
    image_size: int = 56
    """112 for aligned faces as published."""
    dim: int = 128
    """Length of the embedding; 512."""
    dropout: float = 0.0
    # head
    margin: str = "cosface"
    margin_options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the margin, for example ``{margin = 0.35}``."""
    scale: float = 32.0
    """64."""
    margin_warmup: int = 0
    """Steps over which the margin grows from nothing."""
    sub_centres: int = 1
    """Prototypes of a class, of which the nearest counts; 3 for noisy sets."""
    filter_above: float = 0.0
    """Leave out wrong classes with a higher cosine, such as 0.4 for noisy sets; 0 for none."""
    sample_rate: float = 1.0
    """Share of the classes in each step: Partial FC; from some 100,000 classes 0.1 to 0.3."""
    chunk: int = 0
    """Classes whose logits are in memory at a time; 0 for all."""
    siamese: bool = False
    """Semi-Siamese training, for identities with two images; with it an epoch is two images of
    each identity. As published with margin cosface at 0.35 and scale 32."""
    queue: int = 16384
    """Of siamese: prototypes that are kept."""
    decay: float = 0.999
    """Of siamese: share of itself that the gallery network keeps in each step."""
    agents: int = 1
    """Of siamese: gallery networks that take turns."""
    pairs_of: str = "identity"
    """Of siamese: draw a pair of each identity in an epoch; or image: as many as it has images."""
    # optimisation
    epochs: int = 20
    batch: int = 64
    """Images of a step."""
    accumulate: int = 1
    """Parts in which a batch goes through the network."""
    optimizer: str = "sgd"
    """adamw wants an lr of some 0.001 and a weight_decay of some 0.1."""
    lr: float = 0.1
    muon_lr: float = 0.04
    """Of muon: rate of filters and linear layers; the rest is trained by SGD at lr."""
    momentum: float = 0.9
    """Of sgd and muon."""
    weight_decay: float = 5e-4
    ema: float = 0.0
    """Share of itself that an average of the weights keeps in each step, such as 0.999, kept as
    average.pt and verified beside the network; 0 for none."""
    clip: float = 5.0
    """Largest norm of the gradient; 0 for any."""
    schedule: str = "plateau"
    warmup: int = 0
    """Steps over which the learning rate rises."""
    factor: float = 0.5
    """Of a reduction: plateau and reduce_on_plateau; multistep uses 0.1."""
    max_reductions: int = 8
    horizon: float = 0.15
    """Of plateau: share of all steps without visible drift that make a plateau. With much less the
    noise of the loss hides a drift that counts in the whole run, and the rate falls too soon."""
    at_plateau: str = "reduce"
    """Of plateau: reduce the rate, or cool: begin the finish there, and end the run with it. A
    finish that a plateau begins is `finish` times as long as the run was up to there."""
    finish: float = 0.3
    """Of plateau: share of all steps, the last ones, over which the rate falls to 0 whatever the
    loss does; 0 for none. A short run may be over before its loss is flat."""
    milestones: tuple[float, ...] = (0.5, 0.75, 0.9)
    """Of multistep: shares of all steps."""
    power: float = 2.0
    """Of poly."""
    # machine
    precision: str = "fp32"
    """bf16 where the GPU has it."""
    compile: bool = False
    recompute: bool = False
    """Forget what the blocks of the network have computed, and compute it again for the gradient:
    a fraction of the memory, a third more time."""
    device: str = "auto"
    threads: int = 4
    """That read images."""
    seed: int = 0
    log_every: int = 10
    """Steps between two rows of the log; a row has the mean loss of the steps since the last."""
    save_every: int = 0
    """Steps between two checkpoints; 0 for the end of each epoch."""
    keep: str = "last"
    """best: keep beside the last checkpoint, as best.pt, the one that was most accurate."""
    keep_every: int = 0
    """Epochs between checkpoints that stay, as epoch-1.pt and so on; 0 for none."""
    tracker: str = ""
    """wandb:PROJECT or trackio:PROJECT: rows of the log go there too, and where a plateau begins or
    the loss gets worse, an alert."""

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_numbers()
        self._check_milestones()
        self._check_margin_options()
        if self.batch % self.accumulate:
            raise ValueError(f"accumulate={self.accumulate} does not divide batch={self.batch}")
        if self.at_plateau == "cool" and not self.finish:
            raise ValueError("at_plateau = cool needs a finish, which is what it begins")
        if self.recompute and self.compile:
            raise ValueError("compile decides itself what to recompute: leave one of both out")
        if bool(self.data) == self.synthetic:
            raise ValueError("give data, or synthetic, and not both")
        if self.siamese:
            self._check_siamese()

    def _check_choices(self) -> None:
        one_of("model", self.model, list(MODELS))
        one_of("margin", self.margin, list(MARGINS))
        one_of("pairs_of", self.pairs_of, ("identity", "image"))
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("schedule", self.schedule, SCHEDULES)
        one_of("at_plateau", self.at_plateau, AT_PLATEAU)
        one_of("precision", self.precision, PRECISIONS)
        one_of("keep", self.keep, ("last", "best"))
        if self.tracker:
            tracker_of(self.tracker)

    def _check_numbers(self) -> None:
        for name in (
            "synthetic_identities", "synthetic_images", "synthetic_val_identities",
            "synthetic_val_images", "least_images", "val_every", "image_size", "dim", "sub_centres",
            "queue", "agents", "epochs", "batch", "accumulate", "threads", "log_every",
        ):  # fmt: skip
            whole(name, getattr(self, name), least=1)
        whole("synthetic_val_pairs", self.synthetic_val_pairs, least=FOLDS)
        for name in (
            "margin_warmup", "chunk", "warmup", "max_reductions", "seed", "save_every",
            "keep_every",
        ):  # fmt: skip
            whole(name, getattr(self, name), least=0)
        for name in ("scale", "lr", "muon_lr", "factor", "horizon", "power", "sample_rate"):
            positive(name, getattr(self, name))
        for name in (
            "augment", "coarse", "dropout", "filter_above", "momentum", "weight_decay", "clip",
            "decay", "finish", "ema", "synthetic_tail",
        ):  # fmt: skip
            if number(name, getattr(self, name)) < 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")
        for name in ("sample_rate", "finish", "horizon", "coarse"):
            if getattr(self, name) > 1:
                raise ValueError(f"{name} must be at most 1, not {getattr(self, name)}")
        for name in ("momentum", "ema"):
            if getattr(self, name) >= 1:
                raise ValueError(f"{name} must be below 1, not {getattr(self, name)}")

    def _check_milestones(self) -> None:
        ends = (0.0, *(number("milestones", share) for share in self.milestones), 1.0)
        if any(share >= later for share, later in pairwise(ends)):
            raise ValueError(
                f"milestones must rise between 0 and 1, not {', '.join(map(str, ends[1:-1]))}"
            )

    def _check_margin_options(self) -> None:
        known = dict(signature(MARGINS[self.margin]).parameters)
        del known["scale"]  # has a name of its own
        for option, value in self.margin_options.items():
            if option not in known:
                raise ValueError(
                    f"margin_options of {self.margin}: there is no {option!r}, "
                    f"only {', '.join(known) or 'nothing'}"
                )
            if not isinstance(known[option].default, bool):
                number(f"margin_options.{option}", value)
            elif not isinstance(value, bool):
                raise TypeError(f"margin_options.{option} must be true or false, not {value!r}")

    def _check_siamese(self) -> None:
        if self.batch // self.accumulate % 2:
            raise ValueError(
                f"siamese needs an even number of images in a part, batch={self.batch} in "
                f"accumulate={self.accumulate} parts has {self.batch // self.accumulate}"
            )
        if self.batch // 2 > self.queue:
            raise ValueError(
                f"queue must hold the {self.batch // 2} identities of a batch, not {self.queue}"
            )
        if self.decay > 1:
            raise ValueError(f"decay must be at most 1, not {self.decay}")
        if self.agents * (1 - self.decay) > 1 and self.agents > 1:
            raise ValueError(
                f"decay must be at least {1 - 1 / self.agents:.4g} with {self.agents} agents, "
                f"not {self.decay}: they would forget all in their turn"
            )
        if self.sample_rate != 1:
            raise ValueError("siamese has no classes to sample: leave sample_rate at 1")
        if self.sub_centres != 1:
            raise ValueError("siamese learns no prototypes: leave sub_centres at 1")


def tracker_of(text: str) -> tuple[str, str]:
    """Return which tracker a text names, and the project there.

    Raises
    ------
    ValueError
        If it names none.
    """
    kind, _, project = text.partition(":")
    one_of("tracker", kind, TRACKERS)
    if not project:
        raise ValueError(f"tracker {kind} needs a project: {kind}:PROJECT")
    return kind, project


def load_config(file: Path | None, overrides: Iterable[str], given: Mapping[str, Any]) -> Config:
    """Put a configuration together: defaults, then a TOML file, then what the command line says.

    Parameters
    ----------
    file : Path, optional
    overrides : iterable of str
        ``name=value`` with the value as TOML writes it; a bare word is a string.
    given : mapping
        Names and values; None for not given.

    Raises
    ------
    TypeError, ValueError
        If the file is not TOML, or a name or a value is not known.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values |= tomllib.loads(read_text(file))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{file}: {error}") from None
    return Config(**checked(values | from_command_line(overrides, given)))


def from_command_line(overrides: Iterable[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names and values of a command line; see `load_config`."""
    values: dict[str, Any] = {}
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals:
            raise ValueError(f"{override!r} is not name=value")
        name = name.strip()
        if name in values:
            raise ValueError(f"{name} takes one value and is set twice")
        values[name] = toml_value(text.strip())
    return values | {name: value for name, value in given.items() if value is not None}


def toml_value(text: str) -> Any:
    """Return a value written as in TOML, or the text where it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values in the types of their fields."""
    types = {entry.name: entry.type for entry in fields(Config)}
    unknown = values.keys() - types.keys()
    if unknown:
        name = min(unknown)
        likely = get_close_matches(name, types) or types
        raise ValueError(f"there is no {name!r} in a configuration, but {', '.join(likely)}")
    return {name: _as(name, types[name], value) for name, value in values.items()}


def _as(name: str, wanted: Any, value: Any) -> Any:
    if get_origin(wanted) is tuple:
        (inner, _) = get_args(wanted)
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(_as(name, inner, item) for item in items)
    if wanted is float and type(value) is int:
        return float(value)
    kind = get_origin(wanted) or wanted
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{name} must be {_NAMES[kind]}, not {value!r}")
    return value


_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Mapping: "a table",
}
