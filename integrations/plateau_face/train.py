"""Training: the loop, what it keeps, and how it goes on after it was stopped.

    plateau-face train --synthetic --epochs 1 --out run

Each step: read a batch ▸ disturb its images ▸ embed ▸ margin loss ▸ gradient ▸ optimizer ▸
schedule. Whatever happens in a step is a function of the seed, the step's number and the saved
state, so a run that was killed and resumed ends with the same weights as one that was not.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from plateau import Detector
from plateau_face.config import Config, checked
from plateau_face.data.augment import augmented
from plateau_face.data.faces import Faces
from plateau_face.data.sampling import Batch, PairSampler, Sampler, batches
from plateau_face.files import replacing
from plateau_face.heads import Head, PartialHead
from plateau_face.log import Log, Row
from plateau_face.margins import MARGINS, Margin
from plateau_face.models import make_model
from plateau_face.running import RunningStatistics
from plateau_face.schedules import make_schedule
from plateau_face.siamese import SiameseHead
from plateau_face.sources import check_images, training_faces, verification_sets
from plateau_face.verify import verify

VERSION = 1
"""Of the checkpoints."""
ENTRIES = frozenset(
    {
        "version", "config", "classes", "images", "step", "log_bytes", "losses", "not_finite",
        "model", "head", "optimizer", "schedule", "scaler", "random", "cuda_random",
    }
)  # fmt: skip
CHECKPOINT, LOG = "last.pt", "log.jsonl"
NOT_FINITE_MOST = 20
"""Steps in a row with a gradient that is not finite after which training has diverged: enough to
bring fp16's scale from 2¹⁶, where it begins, to below 1."""
REMEDY = "lower lr, or use fp32 or bf16"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

Report = Callable[[Row], object]


class DivergedError(RuntimeError):
    """The gradient is not finite any more."""


def start(config: Config, out: Path, report: Report) -> "Trainer":
    """Begin a run in a folder that has none.

    Raises
    ------
    ValueError
        If it has one, or a log, or the data will not do.
    """
    if (out / CHECKPOINT).exists():
        raise ValueError(f"{out} has a run already: resume it, or choose another folder")
    log = out / LOG
    if log.is_file() and log.stat().st_size:  # a run that died before its first checkpoint has none
        raise ValueError(f"{log} is there already: remove it, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, out, report, log_bytes=(0, 0))
    trainer.save()
    return trainer


def resume(out: Path, report: Report) -> "Trainer":
    """Go on with the run of a folder, exactly as if it had not been stopped."""
    state = load_checkpoint(out)
    with fitting(out):
        config = Config(**checked(state["config"]))
        log_bytes = tuple(state["log_bytes"])
    trainer = Trainer(config, out, report, log_bytes)
    with fitting(out):
        trainer.load(state)
    return trainer


def load_checkpoint(out: Path) -> dict[str, Any]:
    """Read the checkpoint of a run.

    Raises
    ------
    ValueError
        If there is none, or it is damaged or of another version.
    """
    path = out / CHECKPOINT
    if not path.is_file():
        raise ValueError(f"{out} has no run: there is no {CHECKPOINT}")
    with path.open("rb") as file:
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged pickle can raise any
            name = type(error).__name__
            raise ValueError(f"{path}: damaged, or no checkpoint ({name})") from error
    if not isinstance(state, dict) or not state.keys() >= ENTRIES:
        raise ValueError(f"{path}: not a checkpoint of plateau-face")
    if state["version"] != VERSION:
        raise ValueError(f"{path}: version {state['version']}, not {VERSION}")
    return state


@contextmanager
def fitting(out: Path) -> Iterator[None]:
    """Say of which checkpoint it is that an entry is not as it must be."""
    try:
        yield
    except (RuntimeError, LookupError, TypeError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{out / CHECKPOINT}: damaged ({reason})") from error


def load_model(out: Path) -> tuple[nn.Module, Config]:
    """Return the network of a run, on the CPU or the GPU where there is one."""
    state = load_checkpoint(out)
    config = Config(**checked(state["config"]))
    model = make_model(
        config.model, dim=config.dim, image_size=config.image_size, dropout=config.dropout
    )
    with fitting(out):
        model.load_state_dict(state["model"])
    return model.to(chosen_device("auto")), config


class Trainer:
    """A run.

    Parameters
    ----------
    config : Config
    out : Path
        Folder of the log and the checkpoint.
    report : callable
        Told each row of the log.
    log_bytes : pair of int
        What to keep of the logs.
    """

    def __init__(
        self, config: Config, out: Path, report: Report, log_bytes: tuple[int, int]
    ) -> None:
        self.config, self.out, self.report = config, out, report
        self.device = chosen_device(config.device)
        # Convolutions may round to TF32, as is torch's default; the head's products may not: TF32
        # has 11 bits, and cosines near 1 would be as coarse as in fp16.
        torch.backends.cudnn.allow_tf32 = True
        torch.set_float32_matmul_precision("highest")
        self.faces = training_faces(config)
        self.pairs = verification_sets(config)
        for pairs in self.pairs if config.val else ():
            check_images(pairs, config.threads)
        self.sampler = make_sampler(config, self.faces)
        self.steps = self.sampler.steps * config.epochs

        torch.manual_seed(config.seed)
        self.model = make_model(
            config.model, dim=config.dim, image_size=config.image_size, dropout=config.dropout
        ).to(self.device)
        convert_conv2d_weight_memory_format(self.model, torch.channels_last)
        self.head = make_head(config, self.faces.classes, self.model).to(self.device)
        if config.compile:
            self.model.compile()
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        self.trained += self.head.trained()
        self.optimizer = torch.optim.SGD(
            self.trained,
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            fused=True,
        )
        for parameter in self.trained:
            # Zeros are what the first step would take. Left to the fused optimizer, a first step
            # that is skipped, for a gradient that is not finite, leaves them uninitialised.
            self.optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        self.schedule = make_schedule(config, self.optimizer, self.steps, self.sampler.steps)
        self.scaler = make_scaler(config, self.device)
        self.statistics = RunningStatistics([self.model, self.head])

        self.step = 0
        self.not_finite = torch.zeros((), dtype=torch.int64, device=self.device)  # in a row
        self.losses: list[Tensor] = []  # since the last row of the log
        self.log = Log(out, log_bytes)
        self._last_row = time.perf_counter()

    def run(self) -> None:
        """Train to the end of the last epoch."""
        self._last_row = time.perf_counter()
        due = False
        if self.step:
            self.end_epoch()  # a checkpoint at the end of an epoch is older than its verification
        source = batches(
            self.faces,
            self.sampler,
            self.config.image_size,
            self.step,
            self.steps,
            self.config.threads,
            pinned=self.device.type == "cuda",
        )
        for batch in source:
            loss = self.train_on(batch)
            self.schedule.step(loss)
            self.step += 1
            self.losses.append(loss)
            is_last = self.step == self.steps
            if self.step % self.config.log_every == 0 or is_last:
                self.write_row()
            due |= self.step % (self.config.save_every or self.sampler.steps) == 0 or is_last
            if due and self.may_save(is_last):
                self.save()
                due = False
            self.end_epoch()

    def train_on(self, batch: Batch) -> Tensor:
        """Make one step of the optimizer, and return the loss, still on the device."""
        config = self.config
        self.head.margin.strength = min(1.0, (self.step + 1) / max(1, config.margin_warmup))
        images = batch.images.to(self.device, non_blocking=True)
        labels = self.head.gather(batch.labels.to(self.device, non_blocking=True), self.optimizer)
        images = augmented(images, config.augment, generator(config.seed, self.step))
        images = images.contiguous(memory_format=torch.channels_last)

        self.statistics.remember()
        with self.autocast():
            self.head.look(images)

        self.optimizer.zero_grad()
        total = torch.zeros((), device=self.device)
        parts = zip(images.chunk(config.accumulate), labels.chunk(config.accumulate), strict=True)
        for some_images, some_labels in parts:
            with self.autocast():
                embeddings = self.model(some_images)
            loss = self.head(embeddings, some_labels) / config.accumulate
            self.scaler.scale(loss).backward()
            total += loss.detach()

        self.scaler.unscale_(self.optimizer)
        # Not infinity for any: where the norm overflows ∞/∞ would make NaN of a finite gradient.
        most = config.clip or torch.finfo(torch.float32).max
        finite = torch.nn.utils.clip_grad_norm_(self.trained, most).isfinite()
        self.not_finite = torch.where(finite, 0, self.not_finite + 1)
        self.scaler.step(self.optimizer)  # not if the gradient is not finite
        self.scaler.update()
        self.head.scatter(self.optimizer)
        self.statistics.keep_if(finite)
        return total

    def autocast(self) -> torch.autocast:
        """Return the context in which the networks compute in the precision asked for."""
        precision = self.config.precision
        return torch.autocast(self.device.type, DTYPES[precision], enabled=precision != "fp32")

    def write_row(self) -> None:
        """Log the mean loss since the last row; the one place that waits for the device."""
        losses = torch.stack(self.losses).tolist()
        not_finite = int(self.not_finite)
        self.losses = []
        now = time.perf_counter()
        self.tell(
            {
                "epoch": (self.step - 1) // self.sampler.steps + 1,
                "loss": sum(losses) / len(losses),
                "lr": float(self.optimizer.param_groups[0]["lr"]),
                **self.verdict(),
                **({"skipped_steps": not_finite} if not_finite else {}),
                "images_per_s": round(len(losses) * self.config.batch / (now - self._last_row), 1),
            }
        )
        self._last_row = now
        if not_finite >= NOT_FINITE_MOST:
            raise DivergedError(
                f"the gradient has not been finite for {not_finite} steps at step {self.step}: "
                f"{REMEDY}; the last checkpoint is from before"
            )

    def may_save(self, is_last: bool) -> bool:
        """Return whether a checkpoint is fit to go on from; if not, a later step writes it.

        At the end there is no later step: there a network is saved that is finite, though the
        gradient was not in the last few steps, which changed nothing.

        Raises
        ------
        DivergedError
            If the run ends with numbers that are not finite.
        """
        finite = self.is_finite()
        if is_last and not finite:
            raise DivergedError(
                f"the network has numbers that are not finite at its last step, {self.step}: "
                f"{REMEDY}; the last checkpoint is from before"
            )
        return finite and (is_last or not self.not_finite.item())

    def is_finite(self) -> bool:
        """Return whether all numbers of network, head and optimizer are; waits for the device."""
        states = [self.model.state_dict(), self.head.state_dict(), *self.optimizer.state.values()]
        values = [value for state in states for value in state.values() if value is not None]
        # A sum needs no memory, and is not finite where one of the numbers is not.
        sums = [value.sum() for value in values if value.is_floating_point()]
        return bool(torch.stack(sums).isfinite().all())

    def verdict(self) -> Row:
        """Return what the detector of a plateau schedule says of the loss."""
        detector = getattr(self.schedule, "detector", None)
        return {"verdict": detector.verdict.name.lower()} if isinstance(detector, Detector) else {}

    def end_epoch(self) -> None:
        """Verify, if an epoch ends here and it is time to."""
        epoch, within = divmod(self.step, self.sampler.steps)
        if within or (epoch % self.config.val_every and epoch != self.config.epochs):
            return
        for pairs in self.pairs:
            found = verify(self.model, pairs, self.config.image_size, threads=self.config.threads)
            self.tell(
                {
                    "epoch": epoch,
                    f"val_{pairs.name}_accuracy": found.accuracy,
                    f"val_{pairs.name}_tar_at_far_1e-2": found.tar[1e-2],
                }
            )
        self._last_row = time.perf_counter()

    def tell(self, row: Row) -> None:
        """Write a row and report it."""
        self.log.write(self.step, row)
        self.report({"step": self.step, **row})

    def save(self) -> None:
        """Write a checkpoint; the one before stays until this one is complete."""
        state = {
            "version": VERSION,
            "config": asdict(self.config),
            "classes": self.faces.classes,
            "images": len(self.faces.labels),
            "step": self.step,
            "log_bytes": self.log.sizes(),
            "losses": [float(loss) for loss in self.losses],
            "not_finite": self.not_finite.item(),
            "model": self.model.state_dict(),
            "head": self.head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all(),
        }
        path = self.out / CHECKPOINT
        stays = ", the last stays" if path.is_file() else ""
        try:
            with replacing(path) as file:
                save_to(file, state)
        except OSError as error:
            raise OSError(f"no checkpoint at step {self.step}{stays}: {error}") from error

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over the state of a checkpoint."""
        before = (state["classes"], state["images"])
        now = (self.faces.classes, len(self.faces.labels))
        if before != now:
            raise ValueError(
                "the run has {} identities and {} images, ".format(*before)
                + "the data now {} and {}".format(*now)
            )
        self.step = state["step"]
        self.losses = [torch.tensor(loss, device=self.device) for loss in state["losses"]]
        self.not_finite.fill_(state["not_finite"])
        self.model.load_state_dict(state["model"])
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])
        if len(state["cuda_random"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda_random"])


def save_to(file: BinaryIO, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; an error is the system's, not what torch makes of it."""
    try:
        torch.save(state, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        reason = str(error).partition("\n")[0]
        raise OSError(f"is the disk full? ({reason})") from error


def generator(seed: int, step: int) -> torch.Generator:
    """Return the random numbers of a step, unrelated to those of any other."""
    (state,) = np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state))


def chosen_device(name: str) -> torch.device:
    """Return the device of that name; of ``auto`` the GPU where there is one.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter where torch has no such backend
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device {name!r} cannot be used: {reason}") from error
    return device


def make_sampler(config: Config, faces: Faces) -> Sampler:
    """Return what chooses the images of the steps."""
    if config.siamese:
        return PairSampler(faces.labels, config.batch, config.seed)
    return Sampler(len(faces.labels), config.batch, config.seed)


def make_head(config: Config, classes: int, model: nn.Module) -> Head | SiameseHead:
    """Return the head that a configuration describes."""
    margin = make_margin(config)
    chunk = config.chunk or None
    if config.siamese:
        return SiameseHead(model, config.dim, margin, config.queue, config.decay, chunk)
    if config.sample_rate < 1:
        return PartialHead(classes, config.dim, margin, config.sample_rate, chunk)
    return Head(classes, config.dim, margin, chunk)


def make_margin(config: Config) -> Margin:
    """Return the margin that a configuration names, with its options."""
    return MARGINS[config.margin](scale=config.scale, **config.margin_options)


def make_scaler(config: Config, device: torch.device) -> torch.amp.GradScaler:
    """Return what skips steps without a finite gradient, and scales the loss where fp16 needs it.

    With a fused optimizer it does so on the device: nothing is waited for.
    """
    if config.precision == "fp16":
        return torch.amp.GradScaler(device.type)
    never = 2**31 - 1
    return torch.amp.GradScaler(device.type, init_scale=1.0, growth_interval=never)
