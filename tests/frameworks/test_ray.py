"""Ray Tune stops each trial that is flat, and that one only."""

import pickle

import pytest

from plateau import Detector, Haar, Stopper, ThresholdDetector

pytest.importorskip("ray.tune")
pytestmark = pytest.mark.filterwarnings("ignore")
FLAT = ThresholdDetector(Haar(window=4), threshold=0.01, patience=5)


def losses(end):
    """It is flat sooner where the end is higher."""
    return [max(2.0 - 0.1 * i, end) for i in range(60)]


def stops_at(values):
    stopper = Stopper(FLAT.clone())
    return [stopper.step(value) for value in values].index(True)


def test_trials_stop_where_a_stopper_says(tmp_path, monkeypatch):
    import ray
    from ray import tune

    from plateau_sweeps import TuneStop

    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "300")  # where others have the cores

    def trial(config):
        for i in range(60):
            tune.report({"loss": max(2.0 - 0.1 * i, config["end"])})

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        found = tune.Tuner(
            trial,
            param_space={"end": tune.grid_search([1.5, 0.5])},
            run_config=tune.RunConfig(
                stop=TuneStop("loss", detector=FLAT), storage_path=str(tmp_path), verbose=0
            ),
        ).fit()
    finally:
        ray.shutdown()
    for result in found:
        end = result.config["end"]
        assert result.metrics["training_iteration"] == stops_at(losses(end)) + 1
        assert result.metrics["loss"] == end


def test_it_goes_on_where_a_sweep_is_restored():
    from plateau_sweeps import TuneStop

    stop, stops = TuneStop("loss", detector=FLAT), []
    for i, loss in enumerate(losses(1.0)):
        if i == 12:
            stop = pickle.loads(pickle.dumps(stop))
        stop("other", {"loss": -float(i)})
        stops.append(stop("trial", {"loss": loss}))
        assert not stop("trial", {"saved": i})
    assert stops.index(True) == stops_at(losses(1.0))
    assert not stop.stoppers["other"].stopped
    assert not stop.stop_all()


def test_what_is_wrong_is_named():
    from plateau_sweeps import TuneStop

    with pytest.raises(ValueError, match="metric='loss' is not reported; there is lost"):
        TuneStop("loss")("trial", {"lost": 1.0})
    with pytest.raises(ValueError, match="mode is 'max', which is not that of Detector"):
        TuneStop("loss", "max", detector=Detector())
