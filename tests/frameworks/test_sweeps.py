"""A trial of Optuna that is flat is finished, and the study has its value."""

import pytest

from plateau import Detector, Haar, ThresholdDetector
from plateau.alerts import Alerts

optuna = pytest.importorskip("optuna")
FLAT = ThresholdDetector(Haar(window=4), threshold=0.01, patience=5)


def study_of(values, detector=FLAT, direction="minimize"):
    from plateau_sweeps import PlateauStop

    def objective(trial):
        stop = PlateauStop(trial, None if detector is None else detector.clone())
        for value in values:
            if stop.step(value):
                break
        return stop.best

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction=direction, pruner=optuna.pruners.MedianPruner())
    study.optimize(objective, n_trials=2)
    return study


def test_a_flat_trial_is_complete_with_its_best_value():
    values = [2.0**-i for i in range(10)] + [2.0**-9] * 100
    study = study_of(values)
    detector = FLAT.clone()
    fires = [i for i, value in enumerate(values) if detector.update(value)]
    for trial in study.trials:
        assert trial.state == optuna.trial.TrialState.COMPLETE
        assert max(trial.intermediate_values) == fires[0]
        assert trial.user_attrs["plateau:reason"].startswith("flat since sample")
    assert study.best_value == 2.0**-9


def test_the_direction_is_that_of_the_study():
    values = [1.0 - 2.0**-i for i in range(200)]
    study = study_of(values, detector=None, direction="maximize")
    assert study.trials[0].user_attrs["plateau:reason"].startswith("flat")
    with pytest.raises(ValueError, match="the study wants mode 'max', not that of Detector"):
        study_of(values, detector=Detector(), direction="maximize")


def test_a_trial_that_goes_on_all_the_same_is_told_of_once(kept):
    from plateau_sweeps import PlateauStop

    stop = PlateauStop(optuna.create_study().ask(), FLAT.clone(), alerts=Alerts(kept))
    assert [stop.step(1.0) for _ in range(60)].count(True) > 1
    assert len(kept.sent) == 1


def test_a_trial_without_a_study_has_the_direction_of_its_detector():
    from plateau_sweeps import PlateauStop

    trial = optuna.trial.FixedTrial({})
    stop = PlateauStop(trial, Detector("max"))
    for i in range(200):
        if stop.step(1.0 - 2.0**-i):
            break
    assert stop.best == 1.0 - 2.0**-stop.best_step
    assert trial.user_attrs["plateau:reason"] == stop.reason != ""
    with pytest.raises(ValueError, match="a trial without a study needs a detector"):
        PlateauStop(trial)


def test_several_objectives_are_refused():
    from plateau_sweeps import PlateauStop

    study = optuna.create_study(directions=["minimize", "minimize"])
    with pytest.raises(ValueError, match="one objective"):
        PlateauStop(study.ask())
