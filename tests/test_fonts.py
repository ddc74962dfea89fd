"""Names in pictures whose letters the usual font lacks."""

import warnings

import pytest
from matplotlib.figure import Figure

from plateau.showing import fonts, plots


def picture(tmp_path, *names):
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2], [3, 4], label=names[0])
    axes.set_title(names[0])
    axes.set_ylabel(names[-1])
    axes.legend()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.write_figure(figure, tmp_path / "a.svg")
    return axes


@pytest.fixture
def few(monkeypatch):
    """Have no font but the usual one, and none of the letters that are in these."""

    def few(lacking, family=None):
        known = fonts.family_of.__wrapped__

        def family_of(letter):
            return family if letter in lacking else known(letter)

        monkeypatch.setattr(fonts, "_installed", dict)
        monkeypatch.setattr(fonts, "family_of", family_of)

    return few


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("訓練損失", "train loss"),
        ("検証精度", "val accuracy"),
        ("日志 3.log", "?? 3.log"),
        ("η", "η"),
    ],
)
def test_letters_that_no_font_has(tmp_path, few, name, shown):
    few("訓練損失検証精度日志")
    axes = picture(tmp_path, name, "loss")
    assert axes.get_title() == shown
    assert axes.get_legend().get_texts()[0].get_text() == shown
    assert axes.get_ylabel() == "loss"


def test_an_installed_font_is_taken(tmp_path, few):
    few("λ", "DejaVu Serif")
    axes = picture(tmp_path, "λ", "loss")
    assert axes.get_title() == "λ"
    assert axes.title.get_fontfamily() == ["DejaVu Sans", "DejaVu Serif"]
    assert axes.yaxis.label.get_fontfamily() == ["sans-serif"]


def test_fonts_are_looked_through(monkeypatch):
    assert fonts.family_of("a") == "DejaVu Sans"
    stix = {path: name for path, name in fonts._installed().items() if name == "STIXNonUnicode"}
    monkeypatch.setattr(fonts, "_installed", lambda: stix)
    assert fonts.family_of.__wrapped__("\ue000") == "STIXNonUnicode"
    assert fonts.family_of.__wrapped__("訓") is None
