import dataclasses
import re

import pytest
import torch
from face_runs import TINY

pytest.importorskip("onnx", reason="export needs plateau-detect[export]")

import onnx
import onnxruntime

from plateau_face import export as exporting
from plateau_face.card import data_terms
from plateau_face.checkpoint import load_model
from plateau_face.data.augment import normalised
from plateau_face.data.synthetic import SyntheticFaces
from plateau_face.export import export, parity, to_onnx
from plateau_face.models import make_model
from plateau_face.train import start


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("export") / "run"
    start(dataclasses.replace(TINY, epochs=1, save_every=0, val_every=1), out, lambda _: None).run()
    return out


@pytest.fixture(scope="module")
def exported(run):
    written = export(run, run / "net.onnx", "for research only")
    assert written.deviation < 1e-5
    assert written.card == run / "net.card.md"
    return run / "net.onnx"


def test_the_file_and_its_card_say_the_same(exported):
    proto = onnx.load(exported)
    onnx.checker.check_model(proto, full_check=True)
    facts = {entry.key: entry.value for entry in proto.metadata_props}
    assert facts["terms of the data"] == "for research only"
    assert re.search(r"synthetic_accuracy 0\.\d{4}", facts["verification"])
    card = exported.with_suffix(".card.md").read_text()
    assert all(f"- **{name}**: {text}\n" in card for name, text in facts.items())


def test_onnx_runtime_embeds_as_torch_does(run, exported):
    session = onnxruntime.InferenceSession(exported)
    model, config = load_model(run)
    faces = SyntheticFaces(3, 1, config.image_size, seed=9)
    images = normalised(torch.stack([torch.from_numpy(faces.read(i).copy()) for i in range(3)]))
    (found,) = session.run(None, {"images": images.contiguous().numpy()})
    wanted = model.cpu().eval()(images).detach()
    torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=1e-4, atol=1e-5)


def test_attention_can_be_exported(monkeypatch):
    monkeypatch.setattr("plateau_face.models.vit.DEPTH", 2)  # layers: all are alike
    torch.manual_seed(0)
    model = make_model("vit", dim=16, image_size=56).eval()
    assert parity(model, to_onnx(model, 56).SerializeToString(), 56) < 1e-5


@pytest.mark.parametrize("damage", [1e-3, torch.nan])
def test_a_file_that_differs_is_not_left(run, exported, tmp_path, monkeypatch, damage):
    model, config = load_model(run)
    with torch.no_grad():
        model.embedding.linear.weight[0] += damage
    monkeypatch.setattr(exporting, "load_model", lambda _: (model, config))
    monkeypatch.setattr(exporting, "to_onnx", lambda *_: onnx.load(exported))
    (tmp_path / "net.onnx").write_bytes(b"the one before")
    with pytest.raises(ValueError, match=r"net\.onnx is not written: .* and 0\.0001 is allowed"):
        export(run, tmp_path / "net.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    assert (tmp_path / "net.onnx").read_bytes() == b"the one before"


def test_terms_that_were_not_given_are_asked_for(run):
    _, config = load_model(run)
    assert data_terms(config, None) == "none: the program drew them"
    real = dataclasses.replace(config, synthetic=False, data=("faces",))
    assert data_terms(real, None).startswith("not stated")
    assert data_terms(dataclasses.replace(real, terms="mine"), None) == "mine"
    assert data_terms(dataclasses.replace(real, terms="mine"), "yours") == "yours"
