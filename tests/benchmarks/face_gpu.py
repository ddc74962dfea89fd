"""What training a face network costs on one GPU: throughput, the scheduler's share, waits, memory.

    python tests/benchmarks/face_gpu.py                       # some minutes on a GPU
    python tests/benchmarks/face_gpu.py --device cpu --small  # the same on a CPU, to try the script

Images are drawn, so no data are needed. FastFace reports 798 images/s for a ResNet-100 at batch 128
in fp16 on an RTX 4090.
"""

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from plateau_face.config import Config
from plateau_face.data.packed import pack
from plateau_face.data.sampling import Batch, batches
from plateau_face.data.synthetic import SyntheticFaces
from plateau_face.train import Trainer


class Scale(NamedTuple):
    """How much is measured."""

    models: tuple[str, ...]
    size: int
    dim: int
    batch: int
    images: int
    steps: int
    classes: int
    many_classes: tuple[int, ...]
    chunk: int


FULL = Scale(("r50", "r100"), 112, 512, 128, 4096, 100, 93_431, (618_000, 2_060_000), 65_536)
SMALL = Scale(("narrow",), 32, 16, 8, 24, 3, 50, (500,), 100)
WARM_UP = 10
"""Steps before the clock starts: libraries choose their kernels, compilers compile."""


class Drawn:
    """Synthetic faces with labels of as many classes as a large set has, as JPEG files."""

    def __init__(self, images: int, size: int, classes: int) -> None:
        self._faces = SyntheticFaces(images, 1, size)
        self.labels = np.random.default_rng(0).integers(classes, size=images)
        self.classes = classes

    def read(self, index: int) -> np.ndarray:
        return self._faces.read(index)

    def encoded(self, index: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(self.read(index)).save(buffer, "jpeg", quality=95)
        return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int, default=16, help="that read images")
    parser.add_argument("--small", action="store_true", help="try the script, measure nothing")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("there is no GPU: --device cpu --small tries the script")
    scale = SMALL if options.small else FULL
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, {options.precision}, compile {options.compile}")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), scale, options)


def measure(folder: Path, scale: Scale, options: argparse.Namespace) -> None:
    drawn = Drawn(scale.images, scale.size, scale.classes)
    sources = {"decoded": folder / "decoded", "JPEG": folder / "jpeg"}
    pack(drawn, sources["decoded"], scale.size, print_nothing)
    pack(drawn, sources["JPEG"], None, print_nothing)
    for model in scale.models:
        for source, data in sources.items():
            trainer = make_trainer(folder, scale, options, model=model, data=str(data))
            images_per_s, share = throughput(trainer, scale)
            print(
                f"{model}, {source} input: {images_per_s:.0f} images/s, "
                f"{100 * share:.3f} % of a step in the scheduler"
            )
        print(f"{model}: {waits(trainer)}")
        del trainer  # its memory would count below
    for classes in scale.many_classes:
        few = Drawn(2 * scale.batch, scale.size, classes)
        pack(few, folder / "many", scale.size, print_nothing)
        for how in ({"sample_rate": 0.1}, {"chunk": scale.chunk}):
            values = {"model": scale.models[-1], "data": str(folder / "many"), **how}
            trainer = make_trainer(folder, scale, options, **values)
            print(f"{scale.models[-1]}, {classes} classes, {how}: {memory(trainer)}")
            del trainer  # or the next one would find no room


def print_nothing(_: int) -> None:
    """Take the progress of packing."""


def make_trainer(
    folder: Path, scale: Scale, options: argparse.Namespace, **values: object
) -> Trainer:
    settings = {
        "image_size": scale.size, "dim": scale.dim, "batch": scale.batch, "lr": 0.02, "scale": 64.0,
        "epochs": 1000, "precision": options.precision, "compile": options.compile,
        "device": options.device, "threads": options.threads,
    } | values  # fmt: skip
    return Trainer(Config(**settings), folder, print)


def steps(trainer: Trainer, count: int) -> Iterator[Batch]:
    """Yield batches as `Trainer.run` reads them."""
    config = trainer.config
    return batches(
        trainer.faces, trainer.sampler, config.image_size, trainer.step, trainer.step + count,
        config.threads, pinned=trainer.device.type == "cuda",
    )  # fmt: skip


def throughput(trainer: Trainer, scale: Scale) -> tuple[float, float]:
    """Return images a second, and the share of the time that the host spends in the scheduler."""
    scheduling, start = 0.0, 0.0
    for number, batch in enumerate(steps(trainer, WARM_UP + scale.steps)):
        if number == WARM_UP:
            wait_for(trainer.device)
            scheduling, start = 0.0, time.perf_counter()
        loss = trainer.train_on(batch)
        before = time.perf_counter()
        trainer.schedule.step(loss)
        scheduling += time.perf_counter() - before
        trainer.step += 1
    wait_for(trainer.device)
    seconds = time.perf_counter() - start
    return scale.steps * scale.batch / seconds, scheduling / seconds


def waits(trainer: Trainer) -> str:
    """Say whether a step of training waits for the device, by two witnesses.

    torch raises an error where one of its operations synchronises, and the profiler records the
    calls to the CUDA runtime.
    """
    if trainer.device.type != "cuda":
        return "whether a step waits for the device can be seen on a GPU only"
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    source = steps(trainer, 5)
    ready = list(source)  # pinning asks for memory, which is no part of the step
    wait_for(trainer.device)
    with torch.profiler.profile(activities=activities) as profile:
        torch.cuda.set_sync_debug_mode("error")
        try:
            for batch in ready:
                trainer.schedule.step(trainer.train_on(batch))
                trainer.step += 1
        finally:
            torch.cuda.set_sync_debug_mode("default")
    names = ("cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaEventSynchronize")
    calls = {event.key: event.count for event in profile.key_averages() if event.key in names}
    # One is the profiler's own, when it ends.
    return f"no operation of 5 steps synchronises; calls that wait, with the profiler's: {calls}"


def memory(trainer: Trainer) -> str:
    """Say how much memory the head and two steps of training take."""
    head = sum(value.nbytes for value in trainer.head.state_dict().values())
    if trainer.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for batch in steps(trainer, 2):
        trainer.schedule.step(trainer.train_on(batch))
        trainer.step += 1
    if trainer.device.type != "cuda":
        return f"head {head / 1e9:.3f} GB; the peak can be seen on a GPU only"
    return f"head {head / 1e9:.2f} GB, peak {torch.cuda.max_memory_allocated() / 1e9:.2f} GB"


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
