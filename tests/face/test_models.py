import pytest
import torch

from plateau_face.models import MODELS, make_model


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("r50", 43_590_848),  # as insightface's iresnet50 counts
        ("r100", 65_156_160),  # its ONNX file has 128 more, and so has that of r50: folded norms
        ("r34", 34_139_328),  # published as 34.14 M
        ("r18", 24_025_600),  # published as 24.02 M or 24.03 M
    ],
)
def test_iresnets_have_the_published_sizes(name, count):
    with torch.device("meta"):
        assert parameters(make_model(name, dim=512, image_size=112)) == count


def test_mobilefacenet_has_the_published_size():
    """The paper says 0.99 M; bias and norm of the last layer and the PReLUs make the difference."""
    with torch.device("meta"):
        count = parameters(make_model("mobilefacenet", dim=128, image_size=112))
    assert count == pytest.approx(0.99e6, rel=0.015)


def test_the_encoder_of_the_transformer_is_that_of_deit_ti():
    with torch.device("meta"):
        model = make_model("vit", dim=512, image_size=112)
    head, patches, class_token, position = 193_000, 147_648, 192, 197 * 192
    assert parameters(model.encoder) == 5_717_416 - head - patches - class_token - position


def test_the_narrow_network_is_narrow():
    with torch.device("meta"):
        assert parameters(make_model("narrow", dim=128, image_size=56)) == 571_120


@pytest.mark.parametrize("size", [112, 56])
@pytest.mark.parametrize("name", sorted(MODELS.keys() - {"r34", "r50", "r100"}))  # as r18
def test_shapes_and_gradients(name, size):
    model = make_model(name, dim=24, image_size=size, dropout=0.1)
    embedding = model(torch.randn(2, 3, size, size))
    assert embedding.shape == (2, 24)
    embedding.square().sum().backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


@pytest.mark.parametrize("name", ["narrow", "mobilefacenet", "vit"])
def test_recomputing_keeps_less_and_changes_no_number(name, monkeypatch):
    monkeypatch.setattr("plateau_face.models.vit.DEPTH", 4)  # layers: all are alike
    images, found, kept = torch.randn(2, 3, 28, 28), [], []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = make_model(name, dim=8, image_size=28, dropout=0.3, recompute=recompute)
        held = {}

        def hold(tensor, held=held):
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with (
            torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor),
            torch.autocast("cpu", dtype=torch.bfloat16),
        ):
            loss = model(images).square().sum()
        kept.append(sum(held.values()))
        loss.backward()
        gradients = {n: p.grad for n, p in model.named_parameters() if p.requires_grad}
        found.append((loss, gradients, model.state_dict()))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    assert kept[1] < 0.7 * kept[0]


def test_the_embedding_is_fp32_and_its_norm_keeps_its_weight():
    model = make_model("narrow", dim=24, image_size=56)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(torch.randn(2, 3, 56, 56)).dtype == torch.float32
    assert not model.embedding.norm.weight.requires_grad


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match=r"model must be one of r18, .*, not 'r19'"):
        make_model("r19", dim=8, image_size=56)
    with pytest.raises(ValueError, match="image_size that 14 divides, not 100"):
        make_model("vit", dim=8, image_size=100)
