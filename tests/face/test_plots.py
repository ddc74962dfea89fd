import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from plateau_face.plots import plot_roc, plot_run
from plateau_face.verify import roc


def words(path):
    """Texts of an SVG picture: matplotlib leaves each as a comment beside its outline."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.parse(path, parser)
    return [node.text.strip() for node in root.iter() if node.tag is ElementTree.Comment]


def write_log(folder, rates, verdicts=()):
    rows = [
        {"step": 10 * (k + 1), "loss": 20.0 / (k + 1), "lr": rate}
        | ({"verdict": verdicts[k]} if verdicts and verdicts[k] else {})
        for k, rate in enumerate(rates)
    ]
    rows.append({"step": 30, "val_lfw_accuracy": 0.91, "val_lfw_tar_at_far_1e-2": 0.5})
    rows.append({"step": 30, "val__odd$_accuracy": 0.93})
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "log.jsonl"


def test_a_run_with_reductions_verdicts_and_accuracies(tmp_path):
    verdicts = ["warming_up", "improving", "plateau", "plateau"]
    log = write_log(tmp_path, [0.1, 0.1, 0.05, 0.05], verdicts)
    plot_run(log, tmp_path / "run.svg")
    shown = words(tmp_path / "run.svg")
    assert {"loss", "learning rate", "reduction", "accuracy", "step", "lfw"} <= set(shown)
    assert {"verdict improving", "verdict plateau"} <= set(shown)
    assert "verdict worsening" not in shown
    plot_run(log, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "run.svg").read_bytes()
    plot_run(log, tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_a_smooth_schedule_has_no_reductions_to_mark(tmp_path):
    plot_run(write_log(tmp_path, [0.1, 0.07, 0.03, 0.0]), tmp_path / "run.svg")
    shown = words(tmp_path / "run.svg")
    assert "reduction" not in shown
    assert not any(word.startswith("verdict") for word in shown)


def test_a_finish_is_not_marked_as_a_reduction(tmp_path):
    rates = [0.1, 0.1, 0.1, 0.02, 0.02]
    plot_run(write_log(tmp_path, rates, ["improving"] * 3 + [None] * 2), tmp_path / "run.svg")
    assert "reduction" not in words(tmp_path / "run.svg")
    plot_run(write_log(tmp_path, rates, ["plateau"] * 5), tmp_path / "run.svg")
    assert "reduction" in words(tmp_path / "run.svg")


def test_a_run_without_a_loss_has_no_picture(tmp_path):
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"log\.jsonl: no loss to draw yet"):
        plot_run(tmp_path / "log.jsonl", tmp_path / "run.png")


def test_the_curves_of_several_sets(tmp_path):
    random = np.random.default_rng(0)
    same = np.arange(200) % 2 == 0
    curves = {
        name: roc(random.normal(size=200) + shift * same, same)[1:]
        for name, shift in [("lfw", 3), ("cfp_fp", 1)]
    }
    curves["perfect"] = roc(same + 0.0, same)[1:]
    plot_roc(curves, tmp_path / "roc.svg")
    shown = words(tmp_path / "roc.svg")
    assert {"lfw", "cfp_fp", "perfect", "chance", "false-accept rate"} <= set(shown)
