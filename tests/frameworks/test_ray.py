"""Ray Tune stops each trial that is flat, and that one only."""

import pytest

from plateau import Detector, Haar, Stopper, ThresholdDetector
from plateau.alerts import Alerts

pytest.importorskip("ray.tune")
from plateau_sweeps import TuneStop  # needs Ray

pytestmark = pytest.mark.filterwarnings("ignore")
FLAT = ThresholdDetector(Haar(window=4), threshold=0.01, patience=5)


def losses(end):
    """It is flat sooner where the end is higher."""
    return [max(2.0 - 0.1 * i, end) for i in range(60)]


def stops_at(values):
    stopper = Stopper(FLAT.clone())
    return [stopper.step(value) for value in values].index(True)


@pytest.fixture
def tune(monkeypatch):
    import ray
    from ray import tune

    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "300")  # where others have the cores
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    yield tune
    ray.shutdown()


def training():
    """Return a trial whose function travels whole: its process cannot import this module."""

    def trial(config):
        from pathlib import Path
        from tempfile import TemporaryDirectory

        from ray import tune

        begin, checkpoint = 0, tune.get_checkpoint()
        if checkpoint:
            with checkpoint.as_directory() as folder:
                begin = int(Path(folder, "done").read_text())
        for i in range(begin, 60):
            with TemporaryDirectory() as folder:
                Path(folder, "done").write_text(str(i + 1))
                saved = tune.Checkpoint.from_directory(folder) if i % 5 == 4 else None
                tune.report({"loss": max(2.0 - 0.1 * i, config["end"])}, checkpoint=saved)
            if i == config["breaks"] and not begin:
                raise RuntimeError("out of order")

    return trial


def check(found):
    for result in found:
        end = result.config["end"]
        assert result.metrics["training_iteration"] == stops_at(losses(end)) + 1
        assert result.metrics["loss"] == end


def settings(tune, folder):
    stop = TuneStop("loss", detector=FLAT)
    return tune.RunConfig(stop=stop, storage_path=str(folder), name="sweep", verbose=0)


def test_trials_stop_where_a_stopper_says(tune, tmp_path):
    space = {"end": tune.grid_search([1.5, 0.5]), "breaks": None}
    check(tune.Tuner(training(), param_space=space, run_config=settings(tune, tmp_path)).fit())


def test_a_trial_that_breaks_down_and_is_restored_stops_where_one_in_one_go_does(tune, tmp_path):
    space = {"end": 1.5, "breaks": 12}
    assert stops_at(losses(1.5)) > 12
    first = tune.Tuner(training(), param_space=space, run_config=settings(tune, tmp_path))
    assert [str(result.error) for result in first.fit()] != ["None"]
    check(tune.Tuner.restore(str(tmp_path / "sweep"), training(), resume_errored=True).fit())


def test_trials_are_apart_and_a_result_without_the_metric_is_left_out():
    stop, stops = TuneStop("loss", detector=FLAT), []
    for i, loss in enumerate(losses(1.0)):
        stop("other", {"loss": -float(i)})
        stops.append(stop("trial", {"loss": loss}))
        assert not stop("trial", {"saved": i})
    assert stops.index(True) == stops_at(losses(1.0))
    assert not stop.stoppers["other"].stopped
    assert not stop.stop_all()


def test_a_loss_that_is_told_again_is_taken_once_and_a_stop_told_of_once(kept):
    values, told = losses(1.0), [*range(12), *range(5, 60)]
    stop = TuneStop("loss", detector=FLAT, alerts=Alerts(kept))
    stops = [stop("7", {"loss": values[i], "training_iteration": i + 1}) for i in told]
    assert stops.index(True) == told.index(stops_at(values))
    assert len(kept.sent) == 1


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="metric='loss' is not reported; there is lost"):
        TuneStop("loss")("trial", {"lost": 1.0})
    with pytest.raises(ValueError, match="mode is 'max', which is not that of Detector"):
        TuneStop("loss", "max", detector=Detector())
