"""Train a small classifier and log it: the run behind ``plateau demo``.

    python docs/sample/make_sample_log.py > plateau/data/sample.log

A network of two hidden layers learns to tell a thousand random glyphs apart. Every batch is drawn
afresh, so nothing can be learnt by heart: at a given learning rate the loss falls until the noise
of the gradient balances the descent, and there it stays until the learning rate is lowered. The
schedule lowers it by the calendar, long after each of these points.

One thread and a fixed seed repeat the losses on the same machine and the same torch; the clock and
the speed in the log are those of the run. It needs torch and takes about a minute.
"""

import logging
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  torch's own name for it

GLYPHS = 1000
SIDE = 16  # pixels
SHIFT = 1  # each image is moved by up to so many pixels
PIXEL_NOISE = 1.0  # in standard deviations of the glyph itself
WRONG_LABELS = 0.05  # this share of the labels is drawn at random
HIDDEN = 64

STEPS = 24_000
BATCH = 32
LEARNING_RATE = 0.5
LOWER_BY = 0.4
LOWER_AT = [9_000, 15_000, 20_000]
MOMENTUM = 0.9
WEIGHT_DECAY = 1e-3
LOG_EVERY = 5  # steps

log = logging.getLogger("sample")


def draw_alphabet() -> torch.Tensor:
    """Draw the glyphs: smooth random blots with mean 0 and variance 1, padded to allow a shift."""
    coarse = torch.randn(GLYPHS, 1, 5, 5)
    blots = F.interpolate(coarse, size=SIDE, mode="bicubic").squeeze(1)
    mean = blots.mean(dim=(1, 2), keepdim=True)
    std = blots.std(dim=(1, 2), keepdim=True)
    return F.pad((blots - mean) / std, [SHIFT] * 4)


def draw_batch(alphabet: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw images of random glyphs, moved and noisy, with their labels, a few of them wrong."""
    glyph = torch.randint(GLYPHS, (BATCH,))
    down, right = torch.randint(2 * SHIFT + 1, (2, BATCH, 1))
    pixels = torch.arange(SIDE)
    rows = (down + pixels)[:, :, None]
    columns = (right + pixels)[:, None, :]
    images = alphabet[glyph[:, None, None], rows, columns]
    images = images + PIXEL_NOISE * torch.randn_like(images)

    wrong = torch.rand(BATCH) < WRONG_LABELS
    labels = torch.where(wrong, torch.randint(GLYPHS, (BATCH,)), glyph)
    return images, labels


def main() -> None:
    """Train, and log the mean loss of the last five steps every five steps."""
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
    )
    torch.set_num_threads(1)
    torch.manual_seed(0)

    alphabet = draw_alphabet()
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(SIDE * SIDE, HIDDEN),
        nn.BatchNorm1d(HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.BatchNorm1d(HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, GLYPHS),
    )
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, LOWER_AT, gamma=LOWER_BY)

    log.info("training a glyph classifier")
    total, since = 0.0, time.perf_counter()
    for step in range(1, STEPS + 1):
        images, labels = draw_batch(alphabet)
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()

        if step % LOG_EVERY == 0:
            now = time.perf_counter()
            mean, speed = total / LOG_EVERY, LOG_EVERY * BATCH / (now - since)
            (lr,) = schedule.get_last_lr()
            row = f"step {step}/{STEPS} loss {mean:.4f} lr {lr:.3g} ({speed:.0f} samples/s)"
            log.info(row)
            total, since = 0.0, now
        schedule.step()
    log.info("done")


if __name__ == "__main__":
    main()
