"""Networks under the names of others; their layout is written down here once more, in small."""

import dataclasses

import numpy as np
import pytest
import torch
from face_runs import TINY, call
from PIL import Image
from torch import nn

from plateau_face.checkpoint import load_model
from plateau_face.data.synthetic import SyntheticFaces
from plateau_face.models import make_model
from plateau_face.networks import open_network
from plateau_face.published import load_weights, open_weights, published, write_weights
from plateau_face.train import resume, start

BLOCKS, WIDTHS, DIM, SIZE = (1, 2, 1, 1), (4, 8, 12, 16), 6, 32


class Insightface(nn.Module):
    """insightface's iresnet: names of modules, and their order."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False)
        self.bn1, self.prelu = nn.BatchNorm2d(WIDTHS[0]), nn.PReLU(WIDTHS[0])
        inputs = WIDTHS[0]
        for stage, (count, width) in enumerate(zip(BLOCKS, WIDTHS, strict=True), start=1):
            blocks = [InsightfaceBlock(inputs, width, 2)]
            blocks += [InsightfaceBlock(width, width, 1) for _ in range(count - 1)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            inputs = width
        self.bn2 = nn.BatchNorm2d(inputs)
        self.fc = nn.Linear(inputs * (SIZE // 16) ** 2, DIM)
        self.features = nn.BatchNorm1d(DIM)

    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.features(self.fc(self.bn2(x).flatten(1)))


class InsightfaceBlock(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.bn1, self.bn2, self.bn3 = map(nn.BatchNorm2d, (inputs, width, width))
        self.conv1 = nn.Conv2d(inputs, width, 3, 1, 1, bias=False)
        self.prelu = nn.PReLU(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.downsample = None
        if stride != 1 or inputs != width:
            narrower = nn.Conv2d(inputs, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(narrower, nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (x if self.downsample is None else self.downsample(x))


class Adaface(nn.Module):
    """AdaFace's Backbone, on images in BGR."""

    def __init__(self):
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.PReLU(WIDTHS[0]),
        )
        body, inputs = [], WIDTHS[0]
        for count, width in zip(BLOCKS, WIDTHS, strict=True):
            for block in range(count):
                body.append(AdafaceBlock(inputs, width, 1 if block else 2))
                inputs = width
        self.body = nn.Sequential(*body)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Dropout(0.4),
            nn.Flatten(),
            nn.Linear(inputs * (SIZE // 16) ** 2, DIM),
            nn.BatchNorm1d(DIM, affine=False),
        )

    def forward(self, x):
        return self.output_layer(self.body(self.input_layer(x)))


class AdafaceBlock(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.shortcut_layer = nn.MaxPool2d(1, stride)
        if inputs != width:
            narrower = nn.Conv2d(inputs, width, 1, stride, bias=False)
            self.shortcut_layer = nn.Sequential(narrower, nn.BatchNorm2d(width))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(width),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x):
        return self.res_layer(x) + self.shortcut_layer(x)


def filled(model):
    """Give a network weights and statistics that are not those of a fresh one."""
    torch.manual_seed(5)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name != "features.weight" and value.is_floating_point():
                value.copy_(0.5 + torch.rand_like(value) if value.ndim == 1 else value)
    return model.eval()


@pytest.mark.parametrize("wrapped", [lambda s: s, lambda s: {"module." + k: s[k] for k in s}])
def test_insightfaces_weights_embed_as_they_do_there(tmp_path, wrapped):
    theirs = filled(Insightface())
    torch.save(wrapped(theirs.state_dict()), tmp_path / "backbone.pth")
    model, size = open_weights(tmp_path / "backbone.pth")
    assert size == SIZE
    images = torch.randn(3, 3, SIZE, SIZE)
    assert torch.equal(model.eval()(images), theirs(images))
    assert_comes_back(model, theirs, "insightface", tmp_path)


def test_adafaces_weights_embed_as_they_do_there(tmp_path):
    theirs = filled(Adaface())
    state = {"model." + name: value for name, value in theirs.state_dict().items()}
    torch.save({"state_dict": state | {"head.kernel": torch.ones(6, 9)}}, tmp_path / "a.ckpt")
    model, size = open_weights(tmp_path / "a.ckpt")
    assert size == SIZE
    images = torch.randn(3, 3, SIZE, SIZE)
    torch.testing.assert_close(model.eval()(images), theirs(images.flip(1)))
    assert_comes_back(model, theirs, "AdaFace", tmp_path)
    with torch.no_grad():
        model.embedding.norm.bias.uniform_(-2, 2)  # which their last norm does not have
    theirs.load_state_dict(published(model)[1])
    torch.testing.assert_close(theirs(images.flip(1)), model(images), rtol=1e-4, atol=1e-5)


def assert_comes_back(model, theirs, whose, folder):
    """Every number, under the name it had."""
    assert write_weights(model, folder / "again.pth") == whose
    again = torch.load(folder / "again.pth")
    assert again.keys() == theirs.state_dict().keys()
    assert all(torch.equal(again[name], value) for name, value in theirs.state_dict().items())


@pytest.mark.parametrize("name", ["r18", "r34", "r50", "r100", "ir18", "ir34", "ir50", "ir101"])
def test_which_network_it_is_shows_in_its_weights(name):
    with torch.device("meta"):
        whose, state = published(make_model(name, dim=512, image_size=112))
    assert whose == ("AdaFace" if name.startswith("i") else "insightface")
    last = {"insightface": "layer4.{}.bn3.weight", "AdaFace": "body.{}.res_layer.5.weight"}[whose]
    blocks = {"18": (2, 8), "34": (3, 16), "50": (3, 24), "100": (3, 49), "101": (3, 49)}
    in_stage, of_all = blocks[name.lstrip("ir")]
    assert last.format((of_all if name.startswith("i") else in_stage) - 1) in state


def test_training_goes_on_from_published_weights(tmp_path):
    torch.manual_seed(1)
    model = make_model("narrow", dim=8, image_size=16)
    write_weights(model, tmp_path / "w.pth")
    config = dataclasses.replace(TINY, init=str(tmp_path / "w.pth"), epochs=1)
    for siamese in ({}, {"siamese": True, "batch": 4}):
        out = tmp_path / f"run{len(siamese)}"
        trainer = start(dataclasses.replace(config, **siamese), out, print)
        assert all(map(torch.equal, trainer.model.parameters(), model.parameters()))
        if siamese:
            assert all(map(torch.equal, trainer.head.gallery.parameters(), model.parameters()))
    (tmp_path / "w.pth").unlink()
    resume(tmp_path / "run0", print).run()  # which has weights of its own
    told = call("export", tmp_path / "run0", tmp_path / "net.pth", "--terms", "mine")
    card = tmp_path / "net.card.md"
    assert told == f"{tmp_path}/net.pth: weights under insightface's names; card {card}\n"
    assert "- **terms of the data**: mine\n" in card.read_text()
    trained, _ = load_model(tmp_path / "run0")
    images = torch.randn(2, 3, 16, 16)
    found = open_network(tmp_path / "net.pth")
    assert torch.equal(found.model.eval()(images), trained.eval()(images))


def test_other_weights_are_refused(tmp_path):
    path = tmp_path / "x.pth"
    model = make_model("narrow", dim=8, image_size=16)

    def said(content):
        torch.save(content, path)
        with pytest.raises(ValueError, match=r"x\.pth: ") as error:
            load_weights(model, path)
        return str(error.value).partition("x.pth: ")[2]

    state = published(model)[1]
    assert said([1]) == "not the weights of a network"
    assert said({"weight": torch.ones(2)}).startswith("its names are neither insightface's nor")
    assert said({k: v for k, v in state.items() if k != "fc.bias"}).endswith(
        "weights of another network: it has no embedding.linear.bias"
    )
    assert said(state | {"layer1.0.se.weight": torch.ones(2)}).startswith(
        "layer1.0.se.weight has no"
    )
    other = published(make_model("narrow", dim=9, image_size=16))[1]
    assert said(other).endswith("embedding.linear.weight has the shape (9, 128), not (8, 128)")
    assert said(published(make_model("r18", dim=8, image_size=16))[1]).endswith(
        "weights of another network: it has no stages.1.shortcut.0.weight"
    )
    path.write_bytes(b"no pickle")
    with pytest.raises(ValueError, match=r"x\.pth: not weights that can be read"):
        load_weights(model, path)
    with pytest.raises(ValueError, match="only residual networks have names"):
        published(make_model("mobilefacenet", dim=8, image_size=32))


def test_networks_of_all_kinds_are_verified(tmp_path):
    """The same network as a run, as weights and as ONNX: the same figures."""
    pytest.importorskip("onnxruntime", reason="needs plateau-detect[export]")
    run = tmp_path / "run"
    start(dataclasses.replace(TINY, epochs=1, save_every=0, val_every=1), run, print).run()
    faces = SyntheticFaces(6, 4, 16, seed=3)
    lines = ["fold\tsame\tpath1\tpath2"]
    for index in range(24):
        Image.fromarray(faces.read(index)).save(tmp_path / f"{index}.png")
    for fold in range(10):
        lines.append(f"{fold}\t1\t{2 * fold}.png\t{2 * fold + 1}.png")
        lines.append(f"{fold}\t0\t{fold}.png\t{fold + 8}.png")
    (tmp_path / "pairs.tsv").write_text("\n".join(lines) + "\n")
    call("export", run, tmp_path / "net.onnx")
    call("export", run, tmp_path / "net.pth")
    pairs = [tmp_path / "pairs.tsv", "--folder", tmp_path]
    told = {
        call("verify", net, *pairs) for net in (run, tmp_path / "net.onnx", tmp_path / "net.pth")
    }
    assert len(told) == 1
    assert told.pop().startswith("pairs: accuracy ")


def test_an_onnx_network_with_a_normalisation_of_its_own_and_batches_of_one(tmp_path):
    """As insightface's older files are."""
    onnx = pytest.importorskip("onnx", reason="needs plateau-detect[export]")
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(0).normal(size=(3 * 4 * 4, 5)).astype(np.float32)
    constants = {"mean": np.float32(127.5), "by": np.float32(1 / 128), "weight": weight}
    nodes = [
        helper.make_node("Sub", ["data", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "by"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["fc1"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "old.onnx")
    network = open_network(tmp_path / "old.onnx")
    assert network.size == 4
    pixels = torch.randint(0, 256, (3, 3, 4, 4)).float()
    found = network.model((pixels - 127.5) / 127.5)
    wanted = ((pixels - 127.5) / 128).flatten(1) @ torch.from_numpy(weight)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"bad\.onnx: not an ONNX network"):
        open_network(tmp_path / "bad.onnx")
