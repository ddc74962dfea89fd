"""Two processes of accelerate whose scheduler is prepared, which steps it twice for each loss."""

import os
import warnings

import torch
from accelerate import Accelerator

from plateau import Haar, ThresholdDetector
from plateau_torch import PlateauLR

LOSSES = [*range(30, 0, -1), *[1] * 40]

if __name__ == "__main__":
    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == int(os.environ["WORLD_SIZE"])
    weight = torch.nn.Parameter(torch.zeros(1))
    scheduler = PlateauLR(
        torch.optim.SGD([weight], lr=0.4),
        ThresholdDetector(Haar(4), 0.1, 3),
        max_reductions=2,
        process_group="world",
    )
    optimizer, prepared = accelerator.prepare(scheduler.optimizer, scheduler)
    static = torch.zeros(())  # every loss in the same tensor, as a captured graph writes it
    warnings.simplefilter("always")
    with warnings.catch_warnings(record=True) as told:
        for loss in LOSSES:
            static.fill_(loss)
            optimizer.step()
            prepared.step(static)
    said = [str(warning.message) for warning in told if "accelerate steps" in str(warning.message)]
    taken, lr = scheduler.last_epoch, scheduler.get_last_lr()[0]
    print(f"rank {accelerator.process_index}: {taken} {lr} {len(said)}", flush=True)
