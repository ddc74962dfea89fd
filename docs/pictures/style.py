"""Colours and lines that the pictures of the documentation share."""

from pathlib import Path

from matplotlib import rcParams

from plateau import Verdict

HERE = Path(__file__).parent

STREAM, DARK, RED, GREEN, BLUE = "#9aa5b1", "#1f3a5f", "#c8553d", "#2a9d8f", "#3d7ab8"
SLOW = "#e9c46a"
"""Of a slow plateau, as in `plateau.showing.plots`."""

VERDICTS = {
    Verdict.WARMING_UP: "#d9dde2",
    Verdict.IMPROVING: "#8fb8de",
    Verdict.UNDECIDED: "#f0d9a0",
    Verdict.PLATEAU: GREEN,
    Verdict.WORSENING: "#8a5a83",
}

rcParams.update(
    {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "legend.frameon": False,
        "svg.hashsalt": "plateau",
    }
)
