"""What every adapter that lowers a rate or stops must do, in trainings by its framework.

.ci/frameworks installs them all and runs this; elsewhere what is absent is skipped.
"""

import pytest
from boosters import BOOSTERS
from loops import LOOPS
from trainings import BATCHES, FRAMEWORKS, LR, rows

from plateau import Detector, Haar, Schedule, Stopper, ThresholdDetector, find_plateaus
from plateau.alerts import Alerts
from plateau.policy import Policy

pytestmark = pytest.mark.filterwarnings("ignore")  # what they warn about each other is theirs

THRESHOLD = ThresholdDetector(Haar(window=12), threshold=0.02, patience=8)
DETECTORS = pytest.mark.parametrize(
    "detector", [THRESHOLD, Detector(horizon=24)], ids=["threshold", "calibrated"]
)

STOPPING = FRAMEWORKS | BOOSTERS | LOOPS
SILENT = "torch", "river"
"""What stops in a loop of one's own, which can send the alert itself."""
TOLD = {"optuna": ("finished", "trial 0: {}"), "ray": ("stopped", "trial 7: {}")}
"""The alert of a stop, where it is not just the reason."""


def there(made):
    pytest.importorskip(made.package)
    return made


@pytest.fixture(params=FRAMEWORKS)
def framework(request):
    """What lowers the rate."""
    return there(FRAMEWORKS[request.param])


@pytest.fixture(params=STOPPING)
def stopping(request):
    """What stops."""
    return there(STOPPING[request.param])


def scheduled(losses, detector, policy=Policy()):
    """The rate behind each of these losses, by the schedule alone."""
    schedule, lr, rates = Schedule(detector.clone(), policy), LR, []
    for loss in losses:
        event = schedule.step(loss, lr)
        lr = event.lr if event else lr
        rates.append(lr)
    return rates


@DETECTORS
def test_the_rates_are_those_of_a_schedule_on_the_losses(framework, detector, tmp_path):
    run = framework(tmp_path, detector).train(rows(), epochs=4)
    assert len(run.losses) == 4 * BATCHES
    assert run.rates == pytest.approx(scheduled(run.losses, detector), rel=framework.rounding)
    assert LR / 2**8 <= run.rates[-1] < LR / 2


def test_a_loss_that_is_not_finite_is_left_out(framework, tmp_path):
    run = framework(tmp_path, THRESHOLD).train(rows(bad=[3, 17]), epochs=3)
    assert sum(loss != loss for loss in run.losses) == 6
    assert run.rates == pytest.approx(scheduled(run.losses, THRESHOLD), rel=framework.rounding)
    assert run.rates[-1] < LR


@DETECTORS
@pytest.mark.parametrize("save_at", [50, 2 * BATCHES], ids=["mid-epoch", "end"])
def test_a_run_that_is_resumed_has_the_rates_of_one_in_one_go(
    framework, detector, save_at, tmp_path
):
    whole = framework(tmp_path, detector).train(rows(), epochs=4, save_at=save_at)
    again = framework(tmp_path, detector).train(rows(), epochs=4, resume_at=save_at)
    assert again.losses == pytest.approx(whole.losses[save_at:], rel=1e-5)
    assert again.rates == whole.rates[save_at:]


def test_a_policy_is_the_policy(framework, tmp_path):
    policy = {"factor": 0.1, "max_reductions": 1, "cooldown": 5}
    run = framework(tmp_path, THRESHOLD, policy=policy).train(rows(), epochs=2)
    expected = scheduled(run.losses, THRESHOLD, Policy(**policy))
    assert run.rates == pytest.approx(expected, rel=framework.rounding)
    assert run.rates[-1] == pytest.approx(LR / 10)


def test_alerts_are_told_of_each_plateau(framework, kept, tmp_path):
    run = framework(tmp_path, THRESHOLD, alerts=Alerts(kept)).train(rows(), epochs=2)
    drops = len(set(run.rates)) - 1
    assert drops > 0
    assert sum("learning rate times 0.5" in text for _, text in kept.sent) == drops


def stops(losses, detector):
    """What a stopper says behind each of these losses, and the stopper."""
    stopper = Stopper(detector.clone())
    return [stopper.step(loss) for loss in losses], stopper


@DETECTORS
def test_it_stops_at_the_plateau_of_the_losses(stopping, detector, tmp_path):
    run = stopping(tmp_path, detector, stop=True).train(rows(), epochs=4)
    last = len(run.losses) - 1
    assert last < 4 * BATCHES - 1
    assert stops(run.losses, detector)[0].index(True) == last
    assert find_plateaus(run.losses, detector)[0].declared == last


def test_it_stops_where_a_stopper_does_that_leaves_out_what_is_not_finite(stopping, tmp_path):
    run = stopping(tmp_path, THRESHOLD, stop=True).train(rows(bad=[3, 17]), epochs=4)
    assert sum(loss != loss for loss in run.losses[:BATCHES]) == 2
    assert stops(run.losses, THRESHOLD)[0].index(True) == len(run.losses) - 1 < 4 * BATCHES - 1


@DETECTORS
def test_a_run_that_is_resumed_stops_where_one_in_one_go_does(stopping, detector, tmp_path):
    whole = stopping(tmp_path, detector, stop=True).train(rows(), epochs=4)
    step = len(whole.losses) // 2 // BATCHES * BATCHES + 10  # within an epoch
    stopping(tmp_path, detector, stop=True).train(rows(), epochs=4, save_at=step)
    again = stopping(tmp_path, detector, stop=True).train(rows(), epochs=4, resume_at=step)
    assert again.losses == pytest.approx(whole.losses[step:], rel=1e-3)


@pytest.mark.parametrize("name", [name for name in STOPPING if name not in SILENT])
def test_an_alert_is_sent_of_the_stop(name, kept, tmp_path):
    made = there(STOPPING[name])
    run = made(tmp_path, THRESHOLD, stop=True, alerts=Alerts(kept)).train(rows(), epochs=4)
    title, text = TOLD.get(name, ("stopped", "{}"))
    assert kept.sent == [(title, text.format(stops(run.losses, THRESHOLD)[1].reason))]
