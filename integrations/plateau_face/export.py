"""Export to ONNX: checked against the network before it is written, with a card of what it is."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from plateau_face.card import INPUT, OUTPUT, describe, write_card
from plateau_face.checkpoint import load_model
from plateau_face.data.augment import normalised
from plateau_face.data.synthetic import SyntheticFaces
from plateau_face.files import replacing

TOLERANCE = 1e-4
"""Of the length of an embedding: how far ONNX Runtime's may be from torch's. It changes the cosine
of two by 2e-4 at most; fp32 in another order of summation differs by some 1e-6."""


class Exported(NamedTuple):
    """What was written."""

    card: Path
    """Beside the ONNX file."""
    deviation: float
    """Largest distance of an embedding from torch's, as a share of its length."""


def export(run: Path, target: Path, terms: str | None = None) -> Exported:
    """Write the network of a run as an ONNX file, and a card beside it.

    Parameters
    ----------
    run, target : Path
    terms : str, optional
        Terms of the data that the network was trained on; by default those of the configuration.

    Raises
    ------
    ValueError
        If ONNX Runtime's embeddings are not those of torch; then nothing is written.
    """
    model, config = load_model(run)
    model = model.cpu().eval()
    proto = to_onnx(model, config.image_size)
    deviation = parity(model, proto.SerializeToString(), config.image_size)
    if not deviation <= TOLERANCE:  # also if it is NaN
        raise ValueError(
            f"{target} is not written: ONNX Runtime's embeddings are {deviation:.2g} of their "
            f"length from torch's, and {TOLERANCE:g} is allowed"
        )
    facts = describe(run, config, terms) | {
        "parity": (
            f"ONNX Runtime {onnxruntime.__version__} and torch {torch.__version__} differ by "
            f"{deviation:.1e} of an embedding's length ({TOLERANCE:g} is allowed)"
        )
    }
    onnx.helper.set_model_props(proto, facts)
    with replacing(target) as file:
        file.write(proto.SerializeToString())
    return Exported(write_card(target, facts), deviation)


def to_onnx(model: nn.Module, size: int) -> onnx.ModelProto:
    """Translate a network; the number of images in a batch stays open."""
    example = torch.zeros(2, 3, size, size)
    with quiet():
        program = torch.onnx.export(
            model,
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # with dynamo there is one
    proto: onnx.ModelProto = program.model_proto
    return proto


def parity(model: nn.Module, content: bytes, size: int) -> float:
    """Return how far ONNX Runtime is from torch: see `TOLERANCE`; for batches of 1 and of 7."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    faces = SyntheticFaces(8, 1, size)
    images = normalised(torch.from_numpy(np.stack([faces.read(i) for i in range(8)])))
    deviations = []
    for some in (images[:1], images[1:]):
        with torch.inference_mode():
            wanted = model(some).numpy()
        (found,) = session.run([OUTPUT], {INPUT: some.contiguous().numpy()})
        away = np.linalg.norm(found - wanted, axis=1)
        deviations.append(away / np.linalg.norm(wanted, axis=1))
    return float(np.concatenate(deviations).max())


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from the user what torch's exporter says to its developers."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it warns that there is no torchvision, which is not needed
    try:
        with warnings.catch_warnings():
            # of calls in torch that are deprecated in torch
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
