"""Identification against plain loops, and the protocols from files to rates."""

import numpy as np
import pytest
from face_runs import complaint
from PIL import Image
from torch import nn

from plateau_face import identify
from plateau_face.identify import FPIRS, RANKS, STRANGER, Faces, identified, search
from plateau_face.ijb import identified_by


def faces(random, count, people, strangers=0):
    unit = random.normal(size=(count, 4))
    names = [f"p{random.integers(people)}" for _ in range(count - strangers)]
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return Faces(unit, np.array([*names, *[STRANGER] * strangers]))


def slow(probes, gallery):
    """The ranks of the mated probes, and what FPIRS allow, one probe after the other."""
    ranks, scores, unknown = [], [], []
    for vector, name in zip(probes.unit, probes.names, strict=True):
        ordered = sorted(
            zip(gallery.unit @ vector, gallery.names == name, strict=True),
            key=lambda pair: (-pair[0], pair[1]),
        )
        mates = [place for place, (_, same) in enumerate(ordered, start=1) if same]
        if mates:
            ranks.append(mates[0])
            scores.append(ordered[mates[0] - 1][0])
        else:
            unknown.append(ordered[0][0])
    rates = {most: np.mean(np.array(ranks) <= most) for most in RANKS}
    tpir = {}
    for fpir in FPIRS:
        fine = [t for t in scores if sum(u >= t for u in unknown) <= fpir * len(unknown)]
        least = min(fine, default=np.inf)
        found = [r == 1 and s >= least for r, s in zip(ranks, scores, strict=True)]
        tpir[fpir] = np.mean(found)
    return rates, tpir


@pytest.mark.parametrize("seed", range(20))
def test_rates_are_those_of_the_slow_twin(seed, monkeypatch):
    random = np.random.default_rng(seed)
    gallery, probes = faces(random, 60, 30, strangers=7), faces(random, 90, 40)
    monkeypatch.setattr(identify, "AT_A_TIME", 1000)
    found = identified(search(probes, gallery))
    rates, tpir = slow(probes, gallery)
    assert found.rates == pytest.approx(rates)
    assert found.tpir == pytest.approx(tpir)


def test_a_stranger_is_as_near_as_the_mate():
    unit = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    gallery = Faces(unit, np.array(["a", "b", STRANGER]))
    found = identified(search(Faces(unit[:1], np.array(["a"])), gallery))
    assert found.rates == {1: 0.0, 5: 1.0, 10: 1.0, 20: 1.0}
    assert found.tpir == {}


class Colours(nn.Module):
    """A network that sees the mean colour."""

    def forward(self, images):
        return images.mean(dim=(2, 3))


def paint(path, *colours):
    for number, colour in enumerate(colours):
        path.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (112, 112), colour).save(path / f"{number}.png")


def test_folders_of_people(tmp_path):
    paint(tmp_path / "gallery" / "red", "red", "darkred")
    paint(tmp_path / "gallery" / "blue", "blue")
    paint(tmp_path / "probes" / "red", "firebrick")
    paint(tmp_path / "probes" / "blue", "orange")
    paint(tmp_path / "probes" / "green", "green")
    files = (identify.by_folder(tmp_path / name) for name in ("probes", "gallery"))
    found = identify.among(Colours(), *files, 112)
    assert found.rates[1] == 0.5
    assert found.tpir.keys() == {0.01, 0.1}


def test_tinyface(tmp_path):
    for folder, names in {
        "Probe": {"7_1": "red", "8_1": "blue"},
        "Gallery_Match": {"7_2": "darkred", "8_2": "green"},
        "Gallery_Distractor": {"7_9": "navy"},
    }.items():
        for name, colour in names.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.new("RGB", (20, 16), colour).save(tmp_path / folder / f"{name}.jpg")
    found = identify.among(Colours(), *identify.tinyface(tmp_path), 112)
    assert found.rates == {1: 0.5, 5: 1.0, 10: 1.0, 20: 1.0}
    assert found.tpir == {}
    (tmp_path / "Probe").rename(tmp_path / "probe")
    with pytest.raises(ValueError, match=r"Probe: no such folder of TinyFace's test set"):
        identify.tinyface(tmp_path)


def write_lists(ijb, first, second, probes):
    for name, rows in (("gallery_G1", first), ("gallery_G2", second), ("probe_mixed", probes)):
        path = ijb / f"x_1N_{name}.csv"
        path.write_text("TEMPLATE_ID,SUBJECT_ID,FILENAME\n" + "".join(f"{r},a.jpg\n" for r in rows))


def test_the_protocol_of_ijb(ijb):
    """Templates 5, 7 and 9; the probes are found in the first gallery, half in the second."""
    write_lists(ijb, ["5,1", "5,1", "9,3"], ["7,2", "9,4"], ["5,1", "9,4"])
    found = identified_by(Colours(), ijb, ijb, 112)
    assert found.rates[1] == 1.0
    assert found.tpir.keys() == {0.01, 0.1}


def test_tpir_takes_strangers_in_both_galleries(ijb):
    write_lists(ijb, ["5,1", "9,4"], ["7,2", "9,4"], ["5,1", "9,4"])
    assert identified_by(Colours(), ijb, ijb, 112).tpir == {}


def test_lists_that_will_not_do(ijb):
    for rows, why in {
        ("5,1", "5,2"): r"G1\.csv line 3: template 5 has two subjects",
        ("6,1",): r"G1\.csv: template 6 has no image in the list of images",
        ("x,1",): r"G1\.csv line 2: does not begin with template and subject",
        (): r"G1\.csv: no templates",
    }.items():
        write_lists(ijb, rows, ["7,2"], ["5,1"])
        with pytest.raises(ValueError, match=why):
            identified_by(Colours(), ijb, ijb, 112)
    write_lists(ijb, ["5,1"], ["7,2"], ["9,3"])
    with pytest.raises(ValueError, match="nobody of the probes is in the gallery"):
        identified_by(Colours(), ijb, ijb, 112)


def test_the_command_says_what_is_missing(tmp_path, capsys, monkeypatch):
    for some in (["--gallery", "a"], [], ["--tinyface", "a", "--ijb", "b"]):
        said = complaint(capsys, monkeypatch, "identify", tmp_path, *some)
        assert said == "plateau-face: give --gallery with --probes, or --tinyface, or --ijb\n"
