"""What training a face network costs on one GPU, and what a quarter of it gives, in nine minutes.

    python tests/benchmarks/face_gpu.py --images FOLDER       # of JPEGs, some hundred are enough
    python tests/benchmarks/face_gpu.py --device cpu --small  # a minute on a CPU, to try the script

It measures, for r50 and r100 in bf16, compiled: images a second from decoded, packed and loose
JPEG input, beside a control loop that trains as FastFace's does; the share of the GPU's peak; the
shares of scheduler and Muon; calls that wait for the device; memory of large heads; then r18 with
a quarter of the epochs against all of them. What does not fit into --minutes is left out and said.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from plateau_face.config import Config
from plateau_face.data.augment import augmented
from plateau_face.data.packed import PackedFaces, pack, pack_decoded
from plateau_face.data.points import image_files, read_image
from plateau_face.data.synthetic import SyntheticFaces
from plateau_face.models import make_model
from plateau_face.sources import open_faces
from plateau_face.train import Trainer, generator


class Scale(NamedTuple):
    """How much is measured."""

    models: tuple[str, ...]
    size: int
    dim: int
    batches: tuple[int, ...]
    images: int
    seconds: float
    """Of each measurement."""
    classes: int
    many_classes: tuple[int, ...]
    chunk: int
    model: str
    """Trained in full and for a quarter."""
    identities: int
    epochs: int
    seeds: int
    warm_up: int
    """Steps before the clock starts: libraries choose their kernels, compilers compile."""


FULL = Scale(
    ("r50", "r100"), 112, 512, (128, 512), 4096, 4.0, 93_431, (618_000, 2_060_000), 65_536,
    "r18", 1500, 8, 5, 10,
)  # fmt: skip
SMALL = Scale(("narrow",), 16, 8, (8,), 24, 0.05, 50, (500,), 100, "narrow", 6, 4, 1, 1)
IMAGES = 6
"""Of each person that is drawn."""
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "4090": 165e12}
"""Products and sums a second in bf16, by the makers' sheets."""
WAITING = ("cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaEventSynchronize")


class Repeated:
    """Images of a source, again and again, with labels of as many classes as a large set has."""

    def __init__(self, read: Callable[[int], np.ndarray], there: int, scale: Scale) -> None:
        self._read, self._there = read, there
        self.labels = np.random.default_rng(0).integers(scale.classes, size=scale.images)
        self.classes = scale.classes

    def read(self, index: int) -> np.ndarray:
        return self._read(index % self._there)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--images", type=Path, help="folder of JPEGs; by default drawn")
    parser.add_argument("--eager", action="store_true", help="compile nothing")
    parser.add_argument("--threads", type=int, default=16, help="that read images")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--small", action="store_true", help="try the script, measure nothing")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("there is no GPU: --device cpu --small tries the script")
    options.end = time.monotonic() + 60 * options.minutes
    scale = SMALL if options.small else FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_all(folder, scale, options)
        device = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
        how = "eager" if options.eager else "compiled"
        print(f"{device}, torch {torch.__version__}, bf16, {how}", flush=True)
        for section in (throughputs, heads, quarter):
            section(folder, scale, options)


def is_over(options: argparse.Namespace, what: str) -> bool:
    """Say what is left out because the time is over."""
    over = time.monotonic() > options.end
    if over:
        print(f"left out, the time is over: {what}")
    return over


# Faces


def draw_all(folder: Path, scale: Scale, options: argparse.Namespace) -> None:
    """Draw on all cores what will be needed; before CUDA is begun, which no fork survives."""
    others = max(20, scale.identities // 10)
    people = [("train", person) for person in range(scale.identities)]
    people += [("val", scale.identities + person) for person in range(others)]
    if not options.images:
        people += [("loose", person) for person in range(min(50, scale.images // IMAGES))]
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(draw, itertools.repeat((folder, scale.size)), people, chunksize=8):
            pass
    (folder / "val" / "pairs.tsv").write_text("\n".join(pairs(scale.identities, others)) + "\n")


def draw(where: tuple[Path, int], whom: tuple[str, int]) -> None:
    (folder, size), (kind, person) = where, whom
    (folder / kind / str(person)).mkdir(parents=True)
    faces = SyntheticFaces(1, IMAGES, size, first=person)
    for image in range(IMAGES):
        path = folder / kind / str(person) / f"{image}.jpg"
        Image.fromarray(faces.read(image)).save(path, "jpeg", quality=95)


def pairs(first: int, people: int) -> Iterator[str]:
    """Yield a list of pairs, half of them of one person, in ten folds."""
    yield "fold\tsame\tpath1\tpath2"
    for fold, person in itertools.product(range(10), range(people)):
        same = (fold + person) % 2
        other = person if same else (person + 1 + fold) % people
        one, two = fold % IMAGES, (fold + 1) % IMAGES
        yield f"{fold}\t{same}\t{first + person}/{one}.jpg\t{first + other}/{two}.jpg"


# Throughput


def throughputs(folder: Path, scale: Scale, options: argparse.Namespace) -> None:
    sources, remarks = make_sources(folder, scale, options), []
    print("| network | batch | input | images/s | control | of the peak | in the scheduler |")
    print("| :-- | --: | :-- | --: | --: | --: | --: |")
    for model, batch in itertools.product(scale.models, scale.batches):
        if is_over(options, f"{model} at {batch}"):
            continue
        trainer = make_trainer(folder, scale, options, model=model, batch=batch)
        before = control(trainer, scale)
        peak = share_of_peak(trainer, scale)
        for source, faces in sources.items():
            trainer.faces = faces
            found, share = throughput(trainer, scale)
            print(
                f"| {model} | {batch} | {source} | {found:.0f} | {before:.0f} | "
                f"{peak(found)} | {100 * share:.3f} % |"
            )
        is_first = batch == scale.batches[0]
        if is_first:
            remarks.append(f"{model}: {waits(trainer)}")
        del trainer  # its memory would count below
        if is_first:
            remarks.append(f"{model}: {muon(folder, scale, options, model)}")
    print(*remarks, sep="\n", flush=True)


def make_sources(folder: Path, scale: Scale, options: argparse.Namespace) -> dict[str, Repeated]:
    """Return the input decoded, as JPEGs packed in one file, and as loose JPEGs."""
    files = image_files(options.images or folder / "loose")
    packed, decoded = folder / "jpeg.packed", folder / "decoded.packed"
    encoded = Encoded(files)
    pack(encoded, packed, None, ignore)
    pack_decoded(encoded, decoded, scale.size, ignore)
    reads = {
        "decoded": PackedFaces(decoded).read,
        "packed JPEG": PackedFaces(packed).read,
        "loose JPEG": encoded.read,
    }
    return {name: Repeated(read, len(files), scale) for name, read in reads.items()}


class Encoded:
    """Image files, as `pack` takes them."""

    def __init__(self, files: list[Path]) -> None:
        self.files, self.classes = files, 1
        self.labels = np.zeros(len(files), np.int64)

    def read(self, index: int) -> np.ndarray:
        return read_image(self.files[index])

    def encoded(self, index: int) -> bytes:
        return self.files[index].read_bytes()


def ignore(_: object) -> None:
    """Take the progress of packing, and the rows of a log."""


def make_trainer(
    folder: Path, scale: Scale, options: argparse.Namespace, **values: object
) -> Trainer:
    """Return a trainer on random pixels, which is what counts for whatever is not reading."""
    settings = {
        "model": scale.models[-1], "image_size": scale.size, "dim": scale.dim, "scale": 64.0,
        "batch": scale.batches[0], "lr": 0.02, "epochs": 10_000, "precision": "bf16",
        "compile": not options.eager, "device": options.device, "threads": options.threads,
    } | values  # fmt: skip
    classes = settings.pop("classes", scale.classes)
    path = folder / f"noise-{classes}.packed"
    if not path.is_file():
        pack_decoded(Noise(scale, classes), path, scale.size, ignore)
    return Trainer(Config(data=(str(path),), **settings), folder, ignore)


class Noise:
    """Random pixels."""

    def __init__(self, scale: Scale, classes: int) -> None:
        self._shape, self.classes = (scale.size, scale.size, 3), classes
        self.labels = np.random.default_rng(0).integers(classes, size=scale.images)

    def read(self, index: int) -> np.ndarray:
        return np.random.default_rng(index).integers(0, 256, self._shape, dtype=np.uint8)


def throughput(trainer: Trainer, scale: Scale) -> tuple[float, float]:
    """Return images a second, and the share of the time that the host spends in the scheduler."""
    scheduling, start, count = 0.0, 0.0, 0
    for number, batch in enumerate(trainer.batches()):
        if number == scale.warm_up:
            wait_for(trainer.device)
            scheduling, start, count = 0.0, time.perf_counter(), 0
        if number > scale.warm_up and time.perf_counter() - start > scale.seconds:
            break
        loss = trainer.train_on(batch)
        before = time.perf_counter()
        trainer.schedule.step(loss)
        scheduling += time.perf_counter() - before
        trainer.step += 1
        count += 1
    wait_for(trainer.device)
    seconds = time.perf_counter() - start
    return count * trainer.config.batch / seconds, scheduling / seconds


def control(trainer: Trainer, scale: Scale) -> float:
    """Return images a second of a loop that trains as FastFace's does, on the same GPU.

    Contiguous, fp16, eager, an optimizer that is not fused, and a loss that is read twice a step.
    Its pixels are on the device already.
    """
    config, device = trainer.config, trainer.device
    half = torch.float16 if device.type == "cuda" else torch.bfloat16  # a CPU has no fast fp16
    model = make_model(config.model, dim=scale.dim, image_size=scale.size).to(device)
    weight = nn.Parameter(0.01 * torch.randn(scale.classes, scale.dim, device=device))
    trained = [*model.parameters(), weight]
    optimizer = torch.optim.SGD(trained, lr=1e-3, momentum=0.9, weight_decay=5e-4, foreach=False)
    scaler = torch.amp.GradScaler(device.type)
    pixels = torch.randint(0, 256, (config.batch, scale.size, scale.size, 3), dtype=torch.uint8)
    pixels = pixels.to(device)
    labels = torch.randint(0, scale.classes, (config.batch,), device=device)
    margin = 0.4 * functional.one_hot(labels, scale.classes)
    start, number, losses = 0.0, 0, []
    while number <= scale.warm_up or time.perf_counter() - start < scale.seconds:
        if number == scale.warm_up:
            wait_for(device)
            start = time.perf_counter()
        images = augmented(pixels, 0.0, generator(0, number)).contiguous()
        with torch.autocast(device.type, half):
            embeddings = model(images)
        cosine = functional.linear(functional.normalize(embeddings), functional.normalize(weight))
        loss = functional.cross_entropy(64 * (cosine - margin), labels)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 5)
        scaler.step(optimizer)
        scaler.update()
        losses += [loss.item(), loss.item()]
        number += 1
    wait_for(device)
    return (number - scale.warm_up) * config.batch / (time.perf_counter() - start)


def share_of_peak(trainer: Trainer, scale: Scale) -> Callable[[float], str]:
    """Return the function from images a second to the share of what the GPU can do."""
    model = make_model(trainer.config.model, dim=scale.dim, image_size=scale.size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, 3, scale.size, scale.size))
    operations = 3 * counter.get_total_flops()  # forward, and backward to filters and to input
    name = torch.cuda.get_device_name() if trainer.device.type == "cuda" else ""
    peak = next((rate for part, rate in PEAKS.items() if part in name), None)

    def share(images_per_s: float) -> str:
        return f"{100 * operations * images_per_s / peak:.0f} %" if peak else "not known"

    return share


def waits(trainer: Trainer) -> str:
    """Say whether a step of training waits for the device, by two witnesses.

    torch raises an error where one of its operations synchronises, and the profiler records the
    calls to the CUDA runtime.
    """
    if trainer.device.type != "cuda":
        return "whether a step waits for the device can be seen on a GPU only"
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    # Pinning asks for memory, which is no part of the step.
    ready = list(itertools.islice(trainer.batches(), 5))
    wait_for(trainer.device)
    with torch.profiler.profile(activities=activities) as profile:
        torch.cuda.set_sync_debug_mode("error")
        try:
            for batch in ready:
                trainer.schedule.step(trainer.train_on(batch))
                trainer.step += 1
        finally:
            torch.cuda.set_sync_debug_mode("default")
    calls = {event.key: event.count for event in profile.key_averages() if event.key in WAITING}
    # One is the profiler's own, when it ends.
    return f"no operation of 5 steps synchronises; calls that wait, with the profiler's: {calls}"


def muon(folder: Path, scale: Scale, options: argparse.Namespace, model: str) -> str:
    """Say which share of a step Muon's polar factors take, on the device."""
    trainer = make_trainer(folder, scale, options, model=model, optimizer="muon")
    step, took = trainer.optimizer.step, []

    def timed() -> None:
        wait_for(trainer.device)
        begun = time.perf_counter()
        step()
        wait_for(trainer.device)
        took.append(time.perf_counter() - begun)

    for number, batch in enumerate(itertools.islice(trainer.batches(), 2 * scale.warm_up)):
        if number == scale.warm_up:
            wait_for(trainer.device)
            start = time.perf_counter()
            trainer.optimizer.step = timed
        trainer.train_on(batch)
    wait_for(trainer.device)
    seconds = time.perf_counter() - start
    return f"{100 * sum(took) / seconds:.1f} % of a step at {trainer.config.batch} in Muon"


# Memory


def heads(folder: Path, scale: Scale, options: argparse.Namespace) -> None:
    model = scale.models[-1]
    for classes in scale.many_classes:
        for how in ({"sample_rate": 0.1}, {"chunk": scale.chunk}):
            what = f"{model}, {classes} classes, {how}"
            if is_over(options, what):
                continue
            trainer = make_trainer(folder, scale, options, classes=classes, compile=False, **how)
            print(f"{what}: {memory(trainer)}")
            del trainer  # or the next one would find no room


def memory(trainer: Trainer) -> str:
    """Say how much memory the head and two steps of training take."""
    head = sum(value.nbytes for value in trainer.head.state_dict().values())
    if trainer.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for batch in itertools.islice(trainer.batches(), 2):
        trainer.schedule.step(trainer.train_on(batch))
        trainer.step += 1
    if trainer.device.type != "cuda":
        return f"head {head / 1e9:.3f} GB; the peak can be seen on a GPU only"
    return f"head {head / 1e9:.2f} GB, peak {torch.cuda.max_memory_allocated() / 1e9:.2f} GB"


# A quarter of the epochs


def quarter(folder: Path, scale: Scale, options: argparse.Namespace) -> None:
    """Train with all epochs by SGD and with a quarter of them by SGD and Muon, seed by seed."""
    if is_over(options, "a quarter against the full budget"):
        return
    data, val = folder / "train.packed", folder / "val"
    pack_decoded(open_faces(folder / "train"), data, scale.size, ignore)
    found: dict[str, list[float]] = {}
    for seed in range(scale.seeds):
        for optimizer, part in (("sgd", 1), ("sgd", 4), ("muon", 4)):
            name = f"{optimizer}, {scale.epochs // part} of {scale.epochs} epochs"
            if is_over(options, f"{name}, seed {seed}"):
                continue
            config = Config(
                data=(str(data),), val=(str(val / "pairs.tsv"),), val_folder=str(val), seed=seed,
                model=scale.model, image_size=scale.size, dim=scale.dim,
                batch=scale.batches[0] // 2,
                epochs=scale.epochs // part, val_every=scale.epochs, optimizer=optimizer,
                max_reductions=0, augment=0.2, precision="bf16",
                device=options.device, threads=options.threads,
            )  # fmt: skip
            out = folder / f"{optimizer}-{part}-{seed}"
            out.mkdir()
            start = time.perf_counter()
            Trainer(config, out, ignore).run()
            seconds = time.perf_counter() - start
            *_, last = map(json.loads, (out / "log.jsonl").read_text().splitlines())
            found.setdefault(name, []).append(last["val_pairs_accuracy"])
            print(f"{name}, seed {seed}: {100 * found[name][-1]:.2f} % in {seconds:.0f} s")
    for name, accuracies in found.items():
        print(
            f"{scale.model}, {name}: {100 * np.mean(accuracies):.2f} % of {len(accuracies)} seeds"
        )


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
