"""What only Keras has: means of epochs in the place of losses, schedules, files of states."""

import json
import os

import numpy as np
import pytest
from trainings import BATCHES, LR, Keras
from trainings import rows as noisy

from plateau import Haar, Schedule, ThresholdDetector

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore")
FLAT = ThresholdDetector(Haar(window=4), threshold=0.02, patience=3)


def model_of(learning_rate=LR):
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((3,)), dense])
    model.compile(keras.optimizers.SGD(learning_rate), "mean_squared_error")
    return model


def rows(many=10):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(many, 3)).astype(np.float32)
    return x, (x @ np.array([1.0, -2.0, 0.5], dtype=np.float32))[:, None]


def fitted(model, callback, epochs=3, **arguments):
    x, y = rows()
    return model.fit(
        x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, callbacks=callback, **arguments
    )


class Logged:
    """A detector that keeps what it is given, and says nothing."""

    onset, level, fires, skipped = None, 0.0, 0, 0

    def __init__(self):
        self.taken = []

    @property
    def count(self):
        return len(self.taken)

    def update(self, x):
        self.taken.append(x)
        return False

    def changed(self):
        pass

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def test_each_batch_has_its_own_loss_also_a_smaller_one():
    from plateau_keras import PlateauRate

    expected = []

    class Recorder(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            x, y = (each[4 * batch : 4 * batch + 4] for each in rows())
            expected.append(float(np.mean((x @ self.model.get_weights()[0] - y) ** 2)))

    callback = PlateauRate(Logged())
    fitted(model_of(), [callback, Recorder()])
    assert len(expected) == 9  # 4, 4 and 2 rows an epoch
    assert callback.schedule.detector.taken == pytest.approx(expected, rel=1e-5)


def test_a_metric_of_the_validation_is_taken_once_an_epoch():
    from plateau_keras import PlateauRate, PlateauStop

    callback = PlateauRate(Logged(), monitor="val_loss")
    history = fitted(model_of(), [callback], validation_data=rows(6)).history
    assert callback.schedule.detector.taken == history["val_loss"]
    with pytest.raises(ValueError, match="monitor='val_acc' is not logged; there is loss"):
        fitted(model_of(), [PlateauStop(monitor="val_acc")])


def test_what_sums_up_many_steps_is_judged_with_patience():
    from plateau_keras import PlateauRate

    noise = 0.05 * np.random.default_rng(0).normal(size=40)
    values = (0.3 + np.exp(-np.arange(40) / 8) + noise).tolist()
    patient, plain = Schedule(summed=True), Schedule()
    for value in values:
        patient.step(value, LR)
        plain.step(value, LR)

    class Noisy(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = values[epoch]

    callback, model = PlateauRate(monitor="val_loss"), model_of()
    fitted(model, [Noisy(), callback], epochs=len(values))
    assert callback.schedule.state.reductions == patient.state.reductions
    assert float(model.optimizer.learning_rate) == pytest.approx(LR / 2**patient.state.reductions)
    assert patient.state.reductions > plain.state.reductions


def test_a_run_that_was_stopped_and_is_resumed_stops_again(tmp_path):
    from plateau_keras import PlateauStop

    def stop():
        return PlateauStop(FLAT, file=tmp_path / "states")

    model = model_of()
    fitted(model, [stop()], epochs=40)
    steps = int(model.optimizer.iterations)
    assert steps < 40 * 3
    fitted(model, [stop()], epochs=40)
    assert int(model.optimizer.iterations) == steps + 1


def test_the_rate_of_a_schedule_is_refused():
    from plateau_keras import PlateauRate

    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    with pytest.raises(ValueError, match="cannot lower the rates of a LearningRateSchedule"):
        fitted(model_of(decay), [PlateauRate()])


@pytest.mark.filterwarnings("default")
def test_a_loss_that_is_not_finite_is_warned_of_and_hides_no_other(tmp_path):
    made = Keras(tmp_path, FLAT)
    with pytest.warns(UserWarning, match="is nan: it is left out, also of the mean that Keras"):
        made.train(noisy(bad=[3, 17]), epochs=1)
    detector = made.callback.schedule.detector
    assert (detector.count, detector.skipped) == (BATCHES - 2, 2)


def test_it_goes_on_behind_a_backup_that_is_restored_after_it(tmp_path):
    from plateau_keras import PlateauStop

    flat = ThresholdDetector(Haar(8), 0.02, 10)

    def callbacks():
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
        return [PlateauStop(flat, file=tmp_path / "states", monitor="loss"), backup]

    class Interrupted(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    whole = PlateauStop(flat)
    fitted(model_of(), [whole], epochs=40)
    with pytest.raises(KeyboardInterrupt):
        fitted(model_of(), [*callbacks(), Interrupted()], epochs=40)
    again = callbacks()
    fitted(model_of(), again, epochs=40)
    assert again[0].stopper.state_dict()["taken"] == whole.stopper.taken
    assert again[0].stopper.reason == whole.stopper.reason


def test_a_file_without_the_step_is_refused_and_one_of_another_run_begun_anew(tmp_path):
    from plateau_keras import PlateauRate

    file = tmp_path / "states"
    model = model_of()
    fitted(model, [PlateauRate(FLAT, file=file)], epochs=2)
    assert list(json.loads(file.read_text())) == ["3", "6"]
    fitted(model, [PlateauRate(FLAT)], epochs=1)  # the file does not hear of it
    with pytest.raises(ValueError, match="no state of step 9, only of 3, 6: let save_freq be that"):
        fitted(model, [PlateauRate(FLAT, file=file)])
    fitted(model_of(), [PlateauRate(FLAT, file=file)], epochs=1)
    assert list(json.loads(file.read_text())) == ["3"]
    file.write_text("[1]")
    with pytest.raises(ValueError, match="is no file of states"):
        fitted(model, [PlateauRate(FLAT, file=file)])
