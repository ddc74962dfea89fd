"""Alerts in the trackers themselves: what was sent is found in what they keep."""

import json
import sqlite3

import pytest

from plateau.alerts import Alerts, MLflow, TensorBoard, Trackio, Wandb

pytestmark = pytest.mark.filterwarnings("ignore")


def sent(sink):
    """Send two alerts; nothing may go wrong."""
    told = []
    alerts = Alerts(sink, name="run 7", complain=told.append)
    alerts.send("plateau", "since sample 5")
    alerts.send("stopped", "gets worse")
    assert told == []


def kept(folder):
    """All bytes in a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_wandb(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with pytest.raises(ValueError, match="Wandb needs a run"):
        Wandb()
    run = wandb.init(project="plateau", mode="offline", dir=str(tmp_path))
    sent(Wandb())
    run.finish()
    found = kept(tmp_path)
    assert b"run 7: plateau" in found
    assert b"since sample 5" in found
    assert b"run 7: stopped" in found  # not left out by W&B's own limit of one a minute


@pytest.fixture(scope="module")
def trackio_folder(tmp_path_factory):
    """Where Trackio keeps its runs: it reads the variable once."""
    folder = tmp_path_factory.mktemp("trackio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKIO_DIR", str(folder))
        pytest.importorskip("trackio")
        yield folder


def test_trackio(trackio_folder):
    import trackio

    run = trackio.init(project="plateau", name="run", embed=False)
    sent(Trackio(run))
    sent(Trackio())
    trackio.finish()
    (file,) = trackio_folder.rglob("plateau.db")
    with sqlite3.connect(file) as stored:
        rows = stored.execute("select title, text from alerts").fetchall()
    assert rows.count(("run 7: plateau", "since sample 5")) == 2


def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    with pytest.raises(ValueError, match="MLflow needs a run"):
        MLflow()
    experiment = mlflow.create_experiment("plateau", artifact_location=str(tmp_path))
    with mlflow.start_run(experiment_id=experiment) as run:
        sent(MLflow())
    tags = mlflow.get_run(run.info.run_id).data.tags
    assert tags["plateau.alert"] == "run 7: stopped - gets worse"
    sent(MLflow(run.info.run_id))


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sink = TensorBoard(tmp_path)
    sent(sink)
    sink.writer.close()
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    (tag,) = found.Tags()["tensors"]
    assert tag.startswith("plateau.alert")
    texts = [event.tensor_proto.string_val[0].decode() for event in found.Tensors(tag)]
    assert texts == ["run 7: plateau - since sample 5", "run 7: stopped - gets worse"]


def trained(tracker, folder):
    """Train a network of faces, in two parts; return its rows as numbers."""
    pytest.importorskip("PIL")
    from plateau_face.config import Config
    from plateau_face.log import LOG
    from plateau_face.tensorboard import numbers
    from plateau_face.train import resume, start

    tiny = {"synthetic_identities": 6, "synthetic_images": 6, "synthetic_val_pairs": 20}
    tiny |= {"image_size": 16, "dim": 8, "batch": 12, "epochs": 1, "threads": 1, "log_every": 1}
    start(Config(synthetic=True, tracker=tracker, **tiny), folder, lambda row: None).run()
    resume(folder, lambda row: None, extend=1).run()
    return [numbers(json.loads(line)) for line in (folder / LOG).read_text().splitlines()]


def test_a_training_of_faces_in_wandb(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    for name, value in {"MODE": "offline", "DIR": str(tmp_path), "SILENT": "true"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    wandb.teardown()  # what the variables say is read once
    rows = trained("wandb:faces", tmp_path / "night")
    found = kept(tmp_path / "wandb")
    assert len(rows) > 6
    assert all(repr(row["loss"]).encode() in found for row in rows if "loss" in row)


def test_a_training_of_faces_in_trackio(tmp_path, trackio_folder):
    rows = trained("trackio:faces", tmp_path / "night")
    (file,) = trackio_folder.rglob("faces.db")
    with sqlite3.connect(file) as stored:
        found = stored.execute("select step, metrics from metrics order by id").fetchall()
    # What came after the checkpoint is told again by the run that goes on from it.
    told = dict.fromkeys((step, metrics) for step, metrics in found)
    assert [{"step": step, **json.loads(metrics)} for step, metrics in told] == rows
