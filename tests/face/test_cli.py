import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from face_runs import call, complaint
from PIL import Image
from typer.testing import CliRunner

from plateau.cli import app as plateau
from plateau.watching.lock import Lock
from plateau_face.checkpoint import load_model
from plateau_face.config import load_config
from plateau_face.data.packed import PackedFaces
from plateau_face.data.synthetic import SyntheticFaces

SMALL = [
    "--set=synthetic_identities=10", "--set=synthetic_images=10", "--set=image_size=16",
    "--set=dim=8", "--set=log_every=1", "--set=val_every=3", "--batch=10", "--synthetic",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run"
    told = call("train", "--out", out, "--epochs", 3, "--margin", "arcface", *SMALL)
    assert told == f"log {out}/log.jsonl, checkpoint {out}/last.pt\n"
    return out


def test_a_run_is_verified_as_it_was_while_training(run):
    *_, last = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    told = call("verify", run)
    accuracy = re.match(r"synthetic: accuracy ([\d.]+) % ", told)
    assert float(accuracy[1]) == pytest.approx(100 * last["val_synthetic_accuracy"], abs=0.005)
    assert told.endswith("1000 pairs\n")


@pytest.mark.parametrize("arguments", [["--resume", "--extend", "1"], SMALL])
def test_a_run_is_for_one_process_at_a_time(run, capsys, monkeypatch, arguments):
    log = (run / "log.jsonl").read_bytes()
    with Lock(run / "last.pt"):
        said = complaint(capsys, monkeypatch, "train", "--out", run, *arguments)
    assert said == f"plateau-face: {run}/last.pt: is in use by process {os.getpid()}\n"
    assert (run / "log.jsonl").read_bytes() == log
    assert not (run / "last.pt.lock").exists()


def test_of_two_equal_options_the_last_does_not_win(tmp_path, capsys, monkeypatch):
    said = complaint(capsys, monkeypatch, "train", "--out", tmp_path / "a", "--out", tmp_path / "b")
    assert said == "plateau-face: --out takes one value and is given 2 times\n"


def test_no_file_is_opened_because_a_checkpoint_names_it(run, tmp_path, capsys, monkeypatch):
    """A run folder from somebody else: neither its sets are read nor its cache is written."""

    def said(*arguments):
        return complaint(capsys, monkeypatch, *arguments)

    other = tmp_path / "other"
    shutil.copytree(run, other)
    state = torch.load(other / "last.pt", weights_only=True)
    state["config"] |= {"synthetic_cache": str(tmp_path / "cache")}
    torch.save(state, other / "last.pt")
    assert call("verify", other).startswith("synthetic: accuracy")
    assert not (tmp_path / "cache").exists()
    assert call("verify", other, "--own-sets").startswith("synthetic: accuracy")
    assert (tmp_path / "cache").exists()
    state["config"] |= {"val": ["evil.bin"]}
    torch.save(state, other / "last.pt")
    assert said("verify", other) == (
        f"plateau-face: {other} names files of its own as verification sets (evil.bin): "
        "open them with --own-sets, or name some\n"
    )
    assert said("verify", other, "--own-sets") == "plateau-face: evil.bin: no such file\n"


def test_what_a_checkpoint_says_is_only_shown(run, tmp_path, capsys, monkeypatch):
    """Names that a terminal would obey, and sizes that no memory has."""

    def with_config(**values):
        other = tmp_path / next(iter(values))
        shutil.copytree(run, other)
        state = torch.load(other / "last.pt", weights_only=True)
        state["config"] |= values
        torch.save(state, other / "last.pt")
        return other

    evil = with_config(val=["a\x1b]0;PWNED\x07\u202e\x9b2J"])
    told = call("info", evil) + complaint(capsys, monkeypatch, "verify", evil)
    assert "PWNED" in told
    assert [each for each in told if not each.isprintable() and each != "\n"] == []
    huge = with_config(dim=1 << 40)
    for command in (["verify", huge], ["export", huge, tmp_path / "net.onnx"]):
        told = complaint(capsys, monkeypatch, *command)
        assert told.startswith(f"plateau-face: {huge}/last.pt: damaged (")
    huge = with_config(synthetic_val_images=1 << 50)
    assert complaint(capsys, monkeypatch, "verify", huge).startswith("plateau-face: ")
    broken = with_config(model=None)
    state = torch.load(broken / "last.pt", weights_only=True)
    torch.save(state | {"model": {"a": "b"}}, broken / "last.pt")
    assert "damaged (" in complaint(capsys, monkeypatch, "info", broken)
    (evil / "log.jsonl").write_text("[" * 100_000)
    told = complaint(capsys, monkeypatch, "export", evil, tmp_path / "net.pth")
    assert told.endswith("log.jsonl: is no log of a run\n")


def test_the_protocol_of_ijb(run, ijb):
    told = call("verify", run, "--ijb", ijb, "--folder", ijb).splitlines()
    assert len(told) == 4
    assert re.fullmatch(r"TAR [01]\.0000 at FAR 1e-06 \(nearest: [01]\.0000\)", told[0])


def test_identification(run, tmp_path):
    faces = SyntheticFaces(2, 2, 56)
    for index in range(4):
        part, person = ("gallery", "probes")[index % 2], f"{index // 2}"
        (tmp_path / part / person).mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces.read(index)).save(tmp_path / part / person / "a.png")
    told = call(
        "identify", run, "--gallery", tmp_path / "gallery", "--probes", tmp_path / "probes"
    ).splitlines()
    assert re.fullmatch(r"[01]\.\d{4} come first", told[0])
    assert told[1:] == [f"1.0000 are among the first {rank}" for rank in (5, 10, 20)]


def test_plateau_reads_the_log(run):
    result = CliRunner().invoke(plateau, ["scan", str(run / "log.jsonl"), "--format", "json"])
    (log,) = json.loads(result.stdout)["logs"]
    (found,) = log["runs"]
    assert (found["metric"], found["x"], found["points"]) == ("loss", "step", 30)
    result = CliRunner().invoke(plateau, ["replay", str(run / "log.jsonl"), "--format", "json"])
    recorded = json.loads(result.stdout)["recorded"]
    assert [event["x"] for event in recorded] == list(range(22, 31))  # the finish: a third of 30


def test_a_finished_run_resumes_to_its_end(run):
    before = (run / "log.jsonl").read_bytes()
    call("train", "--out", run, "--resume")
    assert (run / "log.jsonl").read_bytes() == before


def test_export(run, tmp_path):
    pytest.importorskip("onnxruntime", reason="export needs plateau-detect[export]")
    target = tmp_path / "net.onnx"
    told = call("export", run, target, "--terms", "mine")
    assert re.fullmatch(rf"{target}: within \S+ of torch; card {tmp_path}/net.card.md\n", told)
    assert "mine" in (tmp_path / "net.card.md").read_text()


def test_pictures(run, ijb):
    protocol = ["--ijb", ijb, "--folder", ijb]
    for arguments in (["info", run], ["verify", run], ["verify", run, *protocol]):
        picture = ijb / f"{len(arguments)}{arguments[0]}.svg"
        told = call(*arguments, "--plot", picture)
        assert f"picture {picture}" in told
        assert picture.read_bytes().startswith(b"<?xml")


def test_info(run, tmp_path):
    told = call("info", run)
    parameters = sum(value.numel() for value in load_model(run)[0].parameters())
    assert told.startswith(f"# step 30, 10 identities, {parameters} parameters\n")
    (tmp_path / "again.toml").write_text(told)  # a file that can be trained with
    assert load_config(tmp_path / "again.toml", (), {}) == load_model(run)[1]
    folder = identities(tmp_path)
    told = call("info", folder).splitlines()
    assert told[0] == "5 images of 2 identities"
    assert told[1] == "2 to 3 images an identity, median 2.5; 0 with fewer than 2"
    assert told[2] == "the first image is 16 × 16 pixels"


def identities(tmp_path):
    from PIL import Image

    faces = SyntheticFaces(2, 3, 16)
    for index in range(5):
        path = tmp_path / "faces" / f"id{faces.labels[index]}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces.read(index)).save(path)
    return tmp_path / "faces"


def test_pack_and_train_on_it(tmp_path):
    told = call("pack", identities(tmp_path), tmp_path / "packed", "--size", 16)
    assert told == f"{tmp_path}/packed: 5 images of 2 identities\n"
    assert PackedFaces(tmp_path / "packed").size == 16
    sizes = ["--set=image_size=16", "--set=dim=8"]
    call("train", "--data", tmp_path / "packed", "--out", tmp_path / "r", "--batch", 5, *sizes)
    assert len((tmp_path / "r" / "log.jsonl").read_text().splitlines()) == 2


def test_errors_are_one_line(run, tmp_path, capsys, monkeypatch):
    def said(*arguments):
        return complaint(capsys, monkeypatch, *arguments)

    folder = identities(tmp_path)
    (folder / "id0" / "0.png").write_bytes(b"no image")
    small = ["--set=image_size=16", "--batch=5", "--out", tmp_path / "r"]
    what, why = said("train", "--data", folder, *small).splitlines()
    assert what == "cpu: 5 images of 2 identities, 20 steps of 5 images, 0.33 M parameters"
    assert why == f"plateau-face: {folder}/id0/0.png: not a readable image"
    (tmp_path / "x.rec").write_bytes(b"\x0a\x23\xd7\xce")
    assert said("verify", run, tmp_path / "x.rec") == (
        f"plateau-face: {tmp_path}/x.rec: not a text in UTF-8 (invalid continuation byte)\n"
    )
    assert said("train", "--config", "none.toml", *small) == (
        "plateau-face: none.toml: No such file or directory\n"
    )
    (folder / "id2").mkdir()
    assert said("info", folder) == f"plateau-face: {folder}/id2: no images of this identity\n"
    assert said("train", "--out", run, "--synthetic") == (
        f"plateau-face: {run} has a run already: resume it, or choose another folder\n"
    )
    assert said("train", "--out", run, "--resume", "--lr", 1) == (
        "plateau-face: lr cannot change in a run, which would then not be what it was begun as: "
        "only data, identities, val, val_folder, val_every, terms, device, threads, compile, "
        "recompute, log_every, save_every, keep, keep_every, tracker can; begin another with init\n"
    )
    assert said("train", "--out", run, "--resume", "--config", "x.toml") == (
        "plateau-face: --resume takes the configuration of the run, and no file\n"
    )
    assert said("train", "--out", tmp_path / "x", "--synthetic", "--extend", 2) == (
        "plateau-face: --extend goes on with a run: it needs --resume\n"
    )
    assert said("train", "--out", tmp_path / "x") == (
        "plateau-face: give data, or synthetic, and not both\n"
    )
    assert said("verify", tmp_path) == f"plateau-face: {tmp_path} has no run: there is no last.pt\n"
    assert said("verify", run, "--plot", "roc.jpg") == (
        "plateau-face: roc.jpg: the name must end in .png or .svg\n"
    )
    nowhere = tmp_path / "nowhere"
    for command in (
        ["verify", run, "--plot", nowhere / "roc.png"],
        ["export", run, nowhere / "net.onnx"],
        ["pack", folder / "id1", nowhere / "packed"],
    ):
        assert said(*command) == f"plateau-face: {command[-1]}: there is no folder {nowhere}\n"
    assert said("info", folder / "id1", "--plot", "run.png") == (
        f"plateau-face: {folder}/id1 has no run to draw\n"
    )
    assert said("export", run, "net") == "plateau-face: net: the name must end in .onnx or .pth\n"
    assert said("pack", folder / "id1", tmp_path / "p", "--size", 0).startswith("plateau-face: ")
    import plateau_face.checkpoint

    monkeypatch.delitem(sys.modules, "plateau_face.checkpoint")
    monkeypatch.delattr(plateau_face, "checkpoint")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert said("info", run) == (
        "plateau-face: import of torch halted; None in sys.modules: install plateau-detect[face]\n"
    )
    monkeypatch.undo()
    assert "No such option: --epoch" in said("train", "--out", tmp_path / "x", "--epoch", 3)


def test_a_bug_of_ours_has_a_code_of_its_own(run, capsys, monkeypatch):
    def buggy(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("plateau_face.describe.describe_run", buggy)
    told = complaint(capsys, monkeypatch, "info", run, code=70)
    assert told.splitlines()[-1] == (
        "plateau-face: this is a bug of plateau (ZeroDivisionError), please report it"
    )


def test_a_reader_that_has_gone_is_no_error(run):
    command = f"{sys.executable} -m plateau_face info {run} | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("# step 30, ")
    assert done.stderr == ""
