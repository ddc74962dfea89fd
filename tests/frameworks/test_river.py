"""River's own checks of a drift detector, and that its signals are the events of the stream."""

import pickle

import numpy as np
import pytest

from plateau import Detector, Haar, ThresholdDetector
from plateau.events import worsening

pytest.importorskip("river")
pytest.importorskip("sklearn", reason="river's checks need it")
pytestmark = pytest.mark.filterwarnings("ignore")

DETECTORS = [Detector(), Detector("max", horizon=40), ThresholdDetector(Haar(8), 0.01, 20)]


def stream():
    rng = np.random.default_rng(0)
    level = np.repeat([0.1, 0.4, 0.2], 800)
    samples = level + 0.05 * rng.normal(size=2400)
    samples[[50, 1700]] = np.nan
    return samples.tolist()


def checks():
    from river.checks import yield_checks

    from plateau_river import PlateauDrift

    return list(yield_checks(PlateauDrift()))


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.__name__)
def test_it_passes_the_checks_that_a_detector_of_river_passes(check):
    from river.drift import ADWIN

    from plateau_river import PlateauDrift

    try:
        check(ADWIN())
    except AttributeError:
        assert check.__name__ == "check_tags"  # for estimators only
        pytest.skip("river's own ADWIN does not pass it")
    check(PlateauDrift())


@pytest.mark.parametrize("detector", DETECTORS, ids=["calibrated", "max", "threshold"])
@pytest.mark.parametrize("drift", ["ended", "plateau", "worsening"])
def test_its_signals_are_the_events(detector, drift):
    from plateau_river import PlateauDrift

    events = list(detector.clone().events(stream()))
    found = detector.clone().record(stream())
    made = PlateauDrift(detector, drift=drift)
    drifts, warnings = [], []
    for i, sample in enumerate(stream()):
        if i == 1000:
            made = pickle.loads(pickle.dumps(made))
        made.update(sample)
        drifts += [i] if made.drift_detected else []
        warnings += [i] if made.warning_detected else []
    assert drifts == [event.index for event in events if event.kind == drift]
    assert warnings == np.flatnonzero(worsening(detector, found.verdict, found.slope)).tolist()
    assert detector.count == 0  # taken as a description
    assert made.clone().current.count == 0


def test_what_is_no_kind_of_event_is_refused():
    from plateau_river import PlateauDrift

    with pytest.raises(ValueError, match=r"drift must be one of plateau, .*, not 'flat'"):
        PlateauDrift(drift="flat")
    with pytest.raises(TypeError, match="detector must be a detector"):
        PlateauDrift(3)


def test_a_model_is_trained_anew_where_its_error_leaves_its_plateau():
    from river import drift, dummy

    from plateau_river import PlateauDrift

    model = drift.DriftRetrainingClassifier(
        dummy.PriorClassifier(), PlateauDrift(), train_in_background=False
    )
    rng, right = np.random.default_rng(0), []
    for i in range(3000):
        label = bool(rng.random() < (0.05 if i < 1500 else 0.95))
        right.append(model.predict_one({}) == label)
        model.learn_one({}, label)
    assert np.mean(right[500:1500]) > 0.9
    assert np.mean(right[2000:]) > 0.9
