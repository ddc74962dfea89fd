"""All rows: the library's detectors, their peers, and constants."""

from dataclasses import replace
from functools import partial

from plateau import Detector, EmaHaar, ThresholdDetector

from . import drifts, hindsight, ours
from .rows import Row, row_of_detector, row_of_function
from .rules import CaoRhinehart, EarlyStopping, Patience, ReduceOnPlateau
from .runs import piecewise, stream

EYE = ("marks", "stopping")
"""Parts on what people look at: series and validation curves of any length."""

LONG = ("jmh_human5", "jmh_cpssd", "argon_md", "lr_drop", "tcpd", "skab", "tep", "calibration")
LONG += ("logs",)
"""The other parts."""

SHARE = 0.01
"""Share of the gain so far by which a new best must be better, of one that is told in shares."""


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
    """Rows of the library itself."""
    detector = row_of_detector("plateau.Detector", Detector)
    found = [
        Row("plateau.find_plateaus", ours.hindsight, offline=True, flat=ours.flat, peer=False),
        replace(detector, flat=ours.flat_so_far, stop=ours.first_stop),
        replace(
            detector,
            name="plateau.Detector, flat or slow",
            flat=partial(ours.flat_so_far, kinds=ours.KINDS),
            stop=partial(ours.first_stop, kinds=ours.KINDS),
            parts=EYE,
        ),
    ]
    for budget in (1_000, 10_000):  # its default of ten million is too rare to be counted here
        make = partial(Detector, run_length=budget)
        own = row_of_detector(f"plateau.Detector, run length {budget:,}", make)
        found.append(replace(own, parts=LONG))
    return [*found, Row("FastFace's rule", fastface, peer=False)]


def patience_rules():
    """Rows of patience, which is meant for a value an epoch."""
    rows = {"Keras' EarlyStopping": EarlyStopping}
    for share, words in ((0.0, ""), (SHARE, f", by {100 * SHARE:g} % of the gain")):
        for patience in (5, 10, 20):
            rows[f"patience {patience}{words}"] = partial(Patience, patience=patience, share=share)
    return [replace(row_of_rule(name, make), parts=EYE) for name, make in rows.items()]


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
    found = {
        "max N_eff (pymbar), 60 starts": (partial(hindsight.max_n_eff, starts=60), None),
        "max N_eff (pymbar), 300 starts": (partial(hindsight.max_n_eff, starts=300), LONG),
        "MSER-5 (pymser)": (hindsight.mser5, None),
        "PELT (ruptures)": (hindsight.pelt, LONG),
        "PELT on means (ruptures)": (hindsight.long_means, EYE),
        "PELT on slopes (ruptures)": (hindsight.gentle_lines, EYE),
        "ClaSP (claspy)": (hindsight.clasp, LONG),
        "trainspotter": (hindsight.trainspotter, None),
    }
    return [replace(function(name, find), parts=parts) for name, (find, parts) in found.items()]


def all_rows():
    """Every row, in the order of the tables."""
    peers = [*streaming_peers(), *patience_rules(), *offline_peers()]
    return [*library(), *peers, constant(0), replace(constant(50), parts=LONG)]
