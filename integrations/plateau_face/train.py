"""Training: the loop, what it keeps, and how it resumes.

    plateau-face train --synthetic --epochs 1 --out run

Each step: read a batch ▸ disturb its images ▸ embed ▸ margin loss ▸ gradient ▸ optimizer ▸
schedule. Whatever happens in a step is a function of the seed, the step's number and the saved
state, so a run that was killed and resumed ends with the same weights as one that was not.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from plateau import Detector
from plateau_face.average import WeightAverage
from plateau_face.checkpoint import (
    AVERAGE,
    BEST,
    CHECKPOINT,
    VERSION,
    DivergedError,
    all_finite,
    fitting,
    load_checkpoint,
    save_checkpoint,
)
from plateau_face.config import MAY_CHANGE, Config, checked
from plateau_face.data.augment import augmented
from plateau_face.data.pairs import Pairs
from plateau_face.data.sampling import Batch, batches
from plateau_face.log import LOG, Log, Row
from plateau_face.models import make_model
from plateau_face.optimizers import make_optimizer
from plateau_face.parts import chosen_device, make_head, make_sampler, make_scaler
from plateau_face.published import load_weights
from plateau_face.running import RunningStatistics
from plateau_face.schedules import make_schedule, set_rates
from plateau_face.sources import check_images, training_faces, verification_sets
from plateau_face.tracking import Tracker
from plateau_face.verify import Verified, verify
from plateau_torch.rates import rates_of

NOT_FINITE_MOST = 20
"""Steps in a row with a gradient that is not finite after which training has diverged: enough to
bring fp16's scale from 2¹⁶, where it begins, to below 1."""
REMEDY = "lower lr, or use fp32 or bf16"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

Report = Callable[[Row], object]


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
    trainer = Trainer(config, out, report)
    trainer.save()
    return trainer


def resume(
    out: Path, report: Report, changes: Mapping[str, Any] | None = None, extend: int = 0
) -> "Trainer":
    """Go on with the run of a folder, exactly as if it had not been stopped.

    Parameters
    ----------
    out : Path
    report : callable
    changes : mapping, optional
        What of the configuration is different now: see `plateau_face.config.MAY_CHANGE`.
    extend : int, default 0
        Epochs to train beyond the end, under a schedule of their own.

    Raises
    ------
    ValueError
        If there is no run, or it cannot go on so.
    """
    state = load_checkpoint(out)
    with fitting(out):
        config = Config(**checked(state["config"]))
        log_bytes = tuple(state["log_bytes"])
    for name in changes or {}:
        if name not in MAY_CHANGE:
            raise ValueError(
                f"{name} cannot change in a run, which would then not be what it was begun as: "
                f"only {', '.join(MAY_CHANGE)} can; begin another with init"
            )
    config = replace(config, **checked(changes or {}))
    trainer = Trainer(config, out, report, log_bytes)
    with fitting(out):
        trainer.load(state)
    if extend:
        trainer.extend(extend)
    return trainer


class Trainer:
    """A run.

    Parameters
    ----------
    config : Config
    out : Path
        Folder of the log and the checkpoint.
    report : callable
        Told each row of the log.
    log_bytes : pair of int, optional
        What to keep of the logs of a run that goes on.
    """

    def __init__(
        self, config: Config, out: Path, report: Report, log_bytes: tuple[int, int] | None = None
    ) -> None:
        self.config, self.out, self.report = config, out, report
        self.device = chosen_device(config.device)
        # Convolutions may round to TF32, as is torch's default; the head's products may not: TF32
        # has 11 bits, and cosines near 1 would be as coarse as in fp16.
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True  # all batches have one shape: it pays to try kernels
        torch.set_float32_matmul_precision("highest")
        self.faces = training_faces(config)
        self.pairs = verification_sets(config)
        for pairs in self.pairs if config.val else ():
            check_images(pairs, config.threads)
        self.sampler = make_sampler(config, self.faces)

        torch.manual_seed(config.seed)
        self.model = make_model(
            config.model,
            dim=config.dim,
            image_size=config.image_size,
            dropout=config.dropout,
            recompute=config.recompute,
        ).to(self.device)
        if config.init and log_bytes is None:
            load_weights(self.model, Path(config.init))
        convert_conv2d_weight_memory_format(self.model, torch.channels_last)
        self.average = WeightAverage(self.model, config.ema) if config.ema else None
        self.head = make_head(config, self.faces.classes, self.model).to(self.device)
        if config.compile:
            for network in (self.model, *getattr(self.head, "galleries", ())):
                network.compile()
        self.optimizer = make_optimizer(config, self.model, self.head.trained())
        self.rates = rates_of(self.optimizer)
        self.begin_schedule(0, config.epochs * self.sampler.steps)
        self.scaler = make_scaler(config, self.device)
        self.statistics = RunningStatistics([self.model, self.head])

        self.step = 0
        self.best = -math.inf  # accuracy so far
        self.verified = 0  # step of the last verification
        self.not_finite = torch.zeros((), dtype=torch.int64, device=self.device)  # in a row
        self.losses: list[Tensor] = []  # since the last row of the log
        self.log = Log(out, log_bytes or (0, 0))
        self.tracker = Tracker(config, out)
        self.begin_row()

    def run(self) -> None:
        """Train to the end of the last epoch, or to where the schedule ends the run."""
        self.tracker.begin()
        try:
            self._run()
        finally:
            self.tracker.finish()

    def _run(self) -> None:
        self.begin_row()
        due = False
        if self.step:
            self.end_epoch()  # a checkpoint at the end of an epoch is older than its verification
        for batch in self.batches():
            loss = self.train_on(batch)
            if self.average:
                self.average.take(self.step)
            end = self.end
            self.schedule.step(loss)
            self.step += 1
            self.losses.append(loss)
            if self.step % self.config.log_every == 0 or self.is_last:
                self.write_row()
            if self.end != end:
                self.tell({"epoch": self.epoch, "ends_at_step": self.end})
            save_every = self.config.save_every or self.sampler.steps
            due |= self.step % save_every == 0 or self.is_last or self.stays
            if due and self.may_save():
                self.save()
                if self.stays:
                    self.save(f"epoch-{self.epoch}.pt")
                due = False
            self.end_epoch()

    def begin_schedule(self, begun: int, most: int) -> None:
        """Let a schedule begin at a step, for so many steps at most."""
        self.begun, self.most = begun, most
        set_rates(self.optimizer, self.rates, 1.0)
        self.schedule = make_schedule(self.config, self.optimizer, most, self.sampler.steps)

    def extend(self, epochs: int) -> None:
        """Add epochs to a run that is at its end, with a schedule of their own.

        Raises
        ------
        ValueError
            If it is not at its end.
        """
        if not self.is_last:
            raise ValueError(f"the run is at step {self.step} of {self.end}: let it end before")
        self.end_epoch()  # whose rows come after the checkpoint: soon this is no end any more
        self.config = replace(self.config, epochs=self.epoch + epochs)
        self.begin_schedule(self.step, epochs * self.sampler.steps)

    @property
    def end(self) -> int:
        """Step after which the run ends."""
        return self.begun + self.schedule.end

    @property
    def epoch(self) -> int:
        """Epoch of the last step, from 1."""
        return (self.step - 1) // self.sampler.steps + 1

    @property
    def is_last(self) -> bool:
        """Whether no step comes any more."""
        return self.step >= self.end

    @property
    def stays(self) -> bool:
        """Whether an epoch ends here whose checkpoint is to stay."""
        every = self.config.keep_every * self.sampler.steps
        return every > 0 and self.step % every == 0

    def batches(self) -> Iterator[Batch]:
        """Yield what is left of the images, up to the end of the run, which may come nearer."""
        source = batches(
            self.faces,
            self.sampler,
            self.config.image_size,
            self.step,
            self.end,
            self.config.threads,
            pinned=self.device.type == "cuda",
        )
        with closing(source):
            while not self.is_last:
                yield next(source)

    def described(self) -> str:
        """Return what is trained, on what."""
        parameters = sum(p.numel() for p in self.model.parameters())
        name = self.device.type
        if name == "cuda":
            name = torch.cuda.get_device_name(self.device)
        return (
            f"{name}: {len(self.faces.labels)} images of {self.faces.classes} identities, "
            f"{self.end} steps of {self.config.batch} images, {parameters / 1e6:.2f} M parameters"
        )

    def train_on(self, batch: Batch) -> Tensor:
        """Make one step of the optimizer, and return the loss, still on the device."""
        config = self.config
        self.head.step = self.step
        self.head.margin.strength = min(1.0, (self.step + 1) / max(1, config.margin_warmup))
        images = batch.images.to(self.device, non_blocking=True)
        labels = self.head.gather(batch.labels.to(self.device, non_blocking=True), self.optimizer)
        images = augmented(images, config.augment, generator(config.seed, self.step), config.coarse)
        images = images.contiguous(memory_format=torch.channels_last)

        self.statistics.remember()
        with self.autocast():
            self.head.look(images)

        self.optimizer.zero_grad()
        total = torch.zeros((), device=self.device)
        parts = zip(images.chunk(config.accumulate), labels.chunk(config.accumulate), strict=True)
        for number, (some_images, some_labels) in enumerate(parts):
            # In parts a margin goes by the first, so that a step counts as one in its averages.
            self.head.margin.train(number == 0)
            with self.autocast():
                embeddings = self.model(some_images)
            loss = self.head(embeddings, some_labels) / config.accumulate
            self.scaler.scale(loss).backward()
            total += loss.detach()

        self.scaler.unscale_(self.optimizer)
        # Not infinity for any: where the norm overflows ∞/∞ would make NaN of a finite gradient.
        most = config.clip or torch.finfo(torch.float32).max
        # Of the network alone: the prototypes' gradient, often the longer, would shorten its step.
        network = torch.nn.utils.clip_grad_norm_(self.model.parameters(), most)
        finite = network.isfinite() & norm_of_gradients(self.head.trained()).isfinite()
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

    def begin_row(self) -> None:
        """Let the clocks of the next row begin: it is told how long its steps took, alone."""
        self._last_row, self._last_cpu = time.perf_counter(), time.process_time()

    def write_row(self) -> None:
        """Log the mean loss since the last row; the one place that waits for the device."""
        losses = torch.stack(self.losses).tolist()
        not_finite = int(self.not_finite)
        self.losses = []
        now = time.perf_counter()
        self.tell(
            {
                "epoch": self.epoch,
                "loss": sum(losses) / len(losses),
                "lr": float(self.optimizer.param_groups[0]["lr"]),
                **self.verdict(),
                **({"skipped_steps": not_finite} if not_finite else {}),
                "images_per_s": round(len(losses) * self.config.batch / (now - self._last_row), 1),
                "cpu_s": round(time.process_time() - self._last_cpu, 3),
            }
        )
        self.begin_row()
        if not_finite >= NOT_FINITE_MOST:
            raise DivergedError(
                f"the gradient has not been finite for {not_finite} steps at step {self.step}: "
                f"{REMEDY}; the last checkpoint is from before"
            )

    def may_save(self) -> bool:
        """Return whether a checkpoint is fit to go on from; if not, a later step writes it.

        At the end there is no later step: there a network is saved that is finite, though the
        gradient was not in the last few steps, which changed nothing.

        Raises
        ------
        DivergedError
            If the run ends with numbers that are not finite.
        """
        finite = self.is_finite()
        if self.is_last and not finite:
            raise DivergedError(
                f"the network has numbers that are not finite at its last step, {self.step}: "
                f"{REMEDY}; the last checkpoint is from before"
            )
        return finite and (self.is_last or not self.not_finite.item())

    def is_finite(self) -> bool:
        """Return whether all numbers of network, head and optimizer are; waits for the device."""
        modules = (self.model, self.head)
        return all_finite(*(m.state_dict() for m in modules), *self.optimizer.state.values())

    def verdict(self) -> Row:
        """Return what the detector of a plateau schedule says of the loss."""
        detector = getattr(self.schedule, "detector", None)
        return {"verdict": detector.verdict.name.lower()} if isinstance(detector, Detector) else {}

    def end_epoch(self) -> None:
        """Verify, if an epoch or the run ends here and it is time to."""
        within = self.step % self.sampler.steps
        due = self.is_last or not (within or self.epoch % self.config.val_every)
        if not due or self.verified == self.step:
            return
        self.verified = self.step
        accuracies = []
        for pairs in self.pairs:
            found = self.verified_on(self.model, pairs)
            accuracies.append(found.accuracy)
            row: dict[str, object] = {
                "epoch": self.epoch,
                f"val_{pairs.name}_accuracy": found.accuracy,
                f"val_{pairs.name}_tar_at_far_1e-2": found.tar[1e-2],
            }
            if self.average:
                averaged = self.verified_on(self.average.model, pairs).accuracy
                row[f"val_{pairs.name}_accuracy_of_average"] = averaged
            self.tell(row)
        if accuracies and np.mean(accuracies) > self.best:
            self.best = float(np.mean(accuracies))
            if self.config.keep == "best":
                self.save(BEST)
        self.begin_row()

    def verified_on(self, model: nn.Module, pairs: Pairs) -> Verified:
        """Measure a network on a verification set."""
        return verify(model, pairs, self.config.image_size, threads=self.config.threads)

    def tell(self, row: Row) -> None:
        """Write a row and report it."""
        self.log.write(self.step, row)
        told = {"step": self.step, **row}
        self.tracker.take(told)
        self.report(told)

    def save(self, name: str = CHECKPOINT) -> None:
        """Write a checkpoint; the one before stays until this one is complete."""
        state = {
            "version": VERSION,
            "config": asdict(self.config),
            "classes": self.faces.classes,
            "images": len(self.faces.labels),
            "step": self.step,
            "begun": self.begun,
            "most": self.most,
            "best": self.best,
            "log_bytes": self.log.sizes(),
            "losses": [float(loss) for loss in self.losses],
            "not_finite": self.not_finite.item(),
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict() if self.average else None,
            "head": self.head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all(),
        }
        save_checkpoint(self.out / name, state)
        if self.average and name == CHECKPOINT:
            save_checkpoint(self.out / AVERAGE, state | {"model": state["average"]})

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over the state of a checkpoint."""
        before = (state["classes"], state["images"])
        now = (self.faces.classes, len(self.faces.labels))
        if before != now:
            raise ValueError(
                "the run has {} identities and {} images, ".format(*before)
                + "the data now {} and {}".format(*now)
            )
        self.step, self.best = state["step"], state["best"]
        self.begin_schedule(state["begun"], state["most"])
        self.losses = [torch.tensor(loss, device=self.device) for loss in state["losses"]]
        self.not_finite.fill_(state["not_finite"])
        self.model.load_state_dict(state["model"])
        if self.average:
            self.average.model.load_state_dict(state["average"])
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])
        if len(state["cuda_random"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda_random"])


def norm_of_gradients(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Return the norm of the gradients of some parameters together; 0 of none."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


def generator(seed: int, step: int) -> torch.Generator:
    """Return the random numbers of a step, unrelated to those of any other."""
    (state,) = np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state))
