"""All rows: the library's detectors, their peers, and constants."""

from functools import partial

from plateau import Detector, EmaHaar, ThresholdDetector

from . import drifts, hindsight
from .rows import Row, row_of_detector, row_of_function
from .rules import CaoRhinehart, ReduceOnPlateau
from .runs import piecewise, stream


def fastface(x, changes, mode):
    """FastFace's rule with its constants; the patience is 5 % of the run."""
    mode = "min" if mode == "both" else mode
    detector = ThresholdDetector(EmaHaar(1e-3, 1e-3), 5e-5, len(x) // 20, mode=mode)
    return stream(detector, x, changes)


def row_of_rule(name, make):
    """Row of a peer ``make(mode)`` that is fed sample by sample and cannot be told of changes."""

    def find(x, changes, mode):
        return piecewise(lambda piece: stream(make(mode), piece), x, changes)

    return Row(name, find)


def constant(index):
    """Row that says for every series that it is flat from the same sample on."""
    return row_of_function(f"always {index}", lambda _: [(index, index, None)])


def library():
    """Rows of the library itself; the calibrated detector where there is one."""
    rows = [Row("FastFace's rule", fastface, peer=False)]
    ours = [row_of_detector("plateau.Detector", Detector)]
    for budget in (1_000, 10_000):  # its default of ten million is too rare to be counted here
        make = partial(Detector, run_length=budget)
        ours.append(row_of_detector(f"plateau.Detector, run length {budget:,}", make))
    return [*ours, *rows]


def streaming_peers():
    """Rows of peers that see one sample after the other."""
    function = partial(row_of_function, peer=True)
    return [
        row_of_rule("ReduceLROnPlateau, patience 10", partial(ReduceOnPlateau, patience=10)),
        row_of_rule("ReduceLROnPlateau, patience 100", partial(ReduceOnPlateau, patience=100)),
        row_of_rule("Cao-Rhinehart R", lambda _: CaoRhinehart()),
        function("ADWIN", drifts.adwin),
        function("Page-Hinkley", drifts.page_hinkley),
        function("KSWIN", drifts.kswin),
        function("FOCuS", drifts.focus),
    ]


def offline_peers():
    """Rows of peers that see the whole series."""
    function = partial(row_of_function, offline=True, peer=True)
    return [
        function("max N_eff (pymbar), 60 starts", partial(hindsight.max_n_eff, starts=60)),
        function("max N_eff (pymbar), 300 starts", partial(hindsight.max_n_eff, starts=300)),
        function("MSER-5 (pymser)", hindsight.mser5),
        function("PELT (ruptures)", hindsight.pelt),
        function("ClaSP (claspy)", hindsight.clasp),
        function("trainspotter", hindsight.trainspotter),
    ]


def all_rows():
    """Every row, in the order of the tables."""
    return [*library(), *streaming_peers(), *offline_peers(), constant(0), constant(50)]
