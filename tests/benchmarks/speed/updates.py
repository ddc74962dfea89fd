"""One sample at a time, from Python: as in a training loop."""

from functools import partial
from time import perf_counter_ns

import numpy as np

from plateau import Detector, EmaHaar, Haar, ThresholdDetector
from plateau._compile import ADDRESS, FLOAT, address_of, kernel

from . import ours, peers
from .streams import at_rest, wandering
from .timing import Candidate, Group, Result, absences, fed, no_collection

ROOM = np.zeros(1)
NOTHING, COMPILED_NOTHING = "a function that does nothing", "a compiled function that does nothing"


@kernel(ADDRESS, FLOAT)
def nothing(address, sample):
    return False


def compiled_nothing():
    """The least that a detector whose update is compiled can cost: its arguments, no work."""
    return partial(nothing.entry, address_of(ROOM))


def one_update(sizes):
    """The first updates of a stream, which may cost more than later ones."""
    xs = at_rest(sizes.updates).tolist()
    own = {NOTHING: lambda: lambda x: None, COMPILED_NOTHING: compiled_nothing}
    own |= {name: lambda make=make: make().update for name, make in ours.DETECTORS.items()}
    found = [
        Candidate(name, len(xs), lambda make=make: fed(make(), xs)) for name, make in own.items()
    ]
    found += peers.candidates(xs)
    return Group("one update", peers.ADWIN, found)


def updates_of_a_run(sizes):
    """The updates of a training run: the looks of the calibrated detector become rare."""
    xs = at_rest(sizes.run).tolist()
    found = [Candidate(ours.CALIBRATED, len(xs), lambda: fed(Detector().update, xs))]
    chosen = {peers.ADWIN, peers.PAGE_HINKLEY}
    found += [each for each in peers.candidates(xs) if each.name in chosen]
    return Group(RUN, peers.ADWIN, found)


RUN = "updates of a run"


def worst_update(sizes, passes=20):
    """The dearest of the first updates on a random walk: of each the least time of some passes."""
    xs = wandering(sizes.updates).tolist()
    makes = {name: lambda make=make: make().update for name, make in ours.DETECTORS.items()}
    makes |= {name: p.make for name, p in peers.DETECTORS.items() if p.share == 1}
    needs = {name: peer.package for name, peer in peers.DETECTORS.items()}
    all_ = [Candidate(name, 1, make, needs.get(name)) for name, make in makes.items()]
    absent = absences(all_)
    present = [each for each in all_ if each.needs not in absent]
    least = {each.name: np.full(len(xs), np.inf) for each in present}
    with no_collection():
        for _ in range(passes):
            for each in present:
                np.minimum(least[each.name], each_time(each.prepare(), xs), out=least[each.name])
    group = Group("worst update", peers.ADWIN, all_, unit="µs", scale=1e3, once=True)
    return Result(group, {name: [times.max()] for name, times in least.items()}, absent)


def each_time(update, xs):
    """Nanoseconds that each update takes."""
    times = np.empty(len(xs))
    for i, x in enumerate(xs):
        begin = perf_counter_ns()
        update(x)
        times[i] = perf_counter_ns() - begin
    return times


def chunks(sizes, chunk):
    """`update_many` on small arrays."""
    count = max(1, sizes.updates // chunk)
    arrays = list(at_rest(count * chunk).reshape(count, chunk))

    def candidate(name, make, package=None):
        return Candidate(name, count * chunk, lambda: fed(make(), arrays), package)

    out = np.empty(chunk)
    found = [candidate("numpy.copyto", lambda: lambda xs: np.copyto(out, xs))]
    for name, make in ours.DETECTORS.items():
        found.append(candidate(name, lambda make=make: make().update_many))
    for name, each in ours.FILTERS.items():
        found.append(candidate(name, lambda each=each: each.clone().update_many))
    found.append(candidate(peers.LFILTER, peers.lfilter_in_chunks, "scipy"))
    return Group(f"chunks of {chunk}", peers.LFILTER, found)


def schedulers(sizes, tensors):
    """`PlateauLR` beside torch's scheduler, with a number or a tensor on the CPU each."""
    run = at_rest(sizes.run).tolist()
    losses = run[: sizes.updates]
    makes = {
        peers.REDUCE: peers.reduce_on_plateau,
        RULE_STEP: lambda: scheduler(EmaHaar(1e-3, 1e-3)).step,
        "PlateauLR, Haar(4000, 4000)": lambda: scheduler(Haar(4000, 4000)).step,
        "PlateauLR, calibrated, while it makes its reductions": lambda: scheduler().step,
        "PlateauLR, calibrated, after its reductions": lambda: stepped(scheduler(), losses).step,
    }
    if tensors:
        makes["Tensor.item alone"] = tensor_item

    def candidate(name, make, losses):
        given = as_tensors(losses) if tensors else losses
        return Candidate(name, len(losses), lambda: fed(make(), given), "torch")

    found = [candidate(name, make, losses) for name, make in makes.items()]
    found.append(candidate(CALIBRATED_RUN, lambda: scheduler().step, run))
    return Group(f"a step with a {'tensor' if tensors else 'number'}", peers.REDUCE, found)


RULE_STEP, CALIBRATED_RUN = "PlateauLR, EmaHaar", "PlateauLR, calibrated, a whole run"


def as_tensors(losses):
    import torch

    return [torch.tensor(loss) for loss in losses]


def tensor_item():
    import torch

    return torch.Tensor.item


def scheduler(slope_filter=None):
    from plateau_torch import PlateauLR

    if slope_filter is None:
        return PlateauLR(peers.optimizer(), Detector())
    return PlateauLR(peers.optimizer(), ThresholdDetector(slope_filter, 5e-5, 10_000))


def stepped(one, losses):
    for loss in losses:
        one.step(loss)
    return one


GROUPS = {
    "one update": one_update,
    RUN: updates_of_a_run,
    "chunks of 10": lambda sizes: chunks(sizes, 10),
    "chunks of 100": lambda sizes: chunks(sizes, 100),
    "chunks of 1000": lambda sizes: chunks(sizes, 1_000),
    "a step with a number": lambda sizes: schedulers(sizes, tensors=False),
    "a step with a tensor": lambda sizes: schedulers(sizes, tensors=True),
}
