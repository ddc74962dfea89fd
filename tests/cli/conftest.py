import numpy as np
import pytest


@pytest.fixture
def log(tmp_path):
    """A staircase of two steps, every tenth step logged, with its learning rate."""
    rng = np.random.default_rng(0)
    levels = [np.linspace(9, 3, 200), np.full(300, 3), np.linspace(3, 1, 100), np.full(300, 1)]
    loss = np.concatenate(levels) + 0.02 * rng.normal(size=900)
    lr = np.repeat([0.1, 0.05], [500, 400])
    path = tmp_path / "a run.csv"
    rows = (f"{10 * i + 10},{v:.4f},{r}\n" for i, (v, r) in enumerate(zip(loss, lr, strict=True)))
    path.write_text("step,loss,lr\n" + "".join(rows))
    return path
