"""Several processes that share a schedule: ``gloo_worker.py '[{"rank": 0, …}, …]'``.

Each is forked from one that has imported torch, which takes longer than all that they do. It writes
the learning rate after each step to its ``out``, and what goes wrong to its ``err``; the exit codes
of all are printed. A process that loses another one writes a checkpoint and goes on with whoever
comes to the second rendezvous.
"""

import gc
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import torch
import torch.distributed as dist

from plateau import Haar, ThresholdDetector
from plateau_torch import PlateauLR


def joined(job, rendezvous):
    """A scheduler among the processes that come to this rendezvous."""
    dist.init_process_group(
        "gloo", init_method=Path(rendezvous).as_uri(), rank=job["rank"], world_size=job["processes"]
    )
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=job.get("lr", 0.8))
    detector = ThresholdDetector(Haar(4), threshold=0.1, patience=3)
    return PlateauLR(optimizer, detector, process_group="world", warmup_steps=2)


def resumed(job):
    scheduler = joined(job, job["second"])
    scheduler.load_state_dict(torch.load(job["checkpoint"], weights_only=True))
    return scheduler


def run(job):
    """Take all losses and return the learning rate after each."""
    scheduler = resumed(job) if job.get("resume") else joined(job, job["first"])
    rates = []
    while scheduler.last_epoch < len(job["losses"]):
        loss = job["losses"][scheduler.last_epoch]
        try:
            scheduler.step(loss if job["rank"] else torch.tensor(loss, dtype=torch.float64))
        except RuntimeError:
            if "second" not in job:
                raise
            torch.save(scheduler.state_dict(), job["checkpoint"])
            dist.destroy_process_group()
            scheduler = resumed(job)
            continue
        rates += scheduler.get_last_lr()
        if scheduler.last_epoch == job.get("killed_after"):
            print(json.dumps(rates), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    return rates


def main(job):
    """Be one of the processes; a time is set, as it may wait for another one for ever."""
    signal.alarm(300)
    for name, descriptor in (("out", 1), ("err", 2)):
        os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT), descriptor)
    failed = False
    try:
        print(json.dumps(run(job)))
    except RuntimeError:
        traceback.print_exc()
        failed = True
    # The scheduler is gone, also from the traceback of an error: whatever holds on to a group keeps
    # its threads, which may then still be letting go of a tensor when the interpreter ends, and
    # abort it.
    gc.collect()
    dist.destroy_process_group()
    sys.exit(failed)


if __name__ == "__main__":
    processes, codes = [], {}
    for job in json.loads(sys.argv[1]):
        if "after" in job:  # one that must have ended
            gone = processes[job["after"]]
            codes[gone] = os.waitpid(gone, 0)[1]
        process = os.fork()
        if not process:
            main(job)
        processes.append(process)
    codes |= {each: os.waitpid(each, 0)[1] for each in processes if each not in codes}
    print(json.dumps([os.waitstatus_to_exitcode(codes[each]) for each in processes]))
