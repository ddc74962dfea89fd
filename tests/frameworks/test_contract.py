"""What every adapter of a framework must do, in real trainings by that framework.

.ci/frameworks installs them all and runs this; elsewhere what is absent is skipped.
"""

import pytest
from trainings import BATCHES, FRAMEWORKS, LR, rows

from plateau import Detector, Haar, Schedule, Stopper, ThresholdDetector
from plateau.alerts import Alerts
from plateau.policy import Policy

pytestmark = pytest.mark.filterwarnings("ignore")  # what they warn about each other is theirs

THRESHOLD = ThresholdDetector(Haar(window=12), threshold=0.02, patience=8)
DETECTORS = pytest.mark.parametrize(
    "detector", [THRESHOLD, Detector(horizon=24)], ids=["threshold", "calibrated"]
)


@pytest.fixture(params=FRAMEWORKS)
def framework(request):
    made = FRAMEWORKS[request.param]
    pytest.importorskip(made.package)
    return made


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


def test_it_stops_where_a_stopper_says(framework, tmp_path):
    run = framework(tmp_path, THRESHOLD, stop=True).train(rows(), epochs=4)
    stopper = Stopper(THRESHOLD.clone())
    stops = [stopper.step(loss) for loss in run.losses]
    assert stops.index(True) == len(stops) - 1 < 4 * BATCHES - 1


def test_a_policy_is_the_policy(framework, tmp_path):
    policy = {"factor": 0.1, "max_reductions": 1, "cooldown": 5}
    run = framework(tmp_path, THRESHOLD, policy=policy).train(rows(), epochs=2)
    expected = scheduled(run.losses, THRESHOLD, Policy(**policy))
    assert run.rates == pytest.approx(expected, rel=framework.rounding)
    assert run.rates[-1] == pytest.approx(LR / 10)


def test_alerts_are_told_of_each_plateau_and_of_a_stop(framework, tmp_path):
    class Kept:
        def __init__(self):
            self.sent = []

        def send(self, title, text):
            self.sent.append((title, text))

    lowered, stopped = Kept(), Kept()
    run = framework(tmp_path, THRESHOLD, alerts=Alerts(lowered)).train(rows(), epochs=2)
    drops = len(set(run.rates)) - 1
    assert drops > 0
    assert sum("learning rate times 0.5" in text for _, text in lowered.sent) == drops
    run = framework(tmp_path, THRESHOLD, stop=True, alerts=Alerts(stopped)).train(rows(), epochs=4)
    stopper = Stopper(THRESHOLD.clone())
    assert any(stopper.step(loss) for loss in run.losses)
    assert stopped.sent == [("stopped", stopper.reason)]
