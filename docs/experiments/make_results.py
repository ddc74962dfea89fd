"""Write the results of experiments into the page on the experiment.

usage: python docs/experiments/make_results.py NAME=FOLDER ...

NAME.toml lies beside this file and FOLDER is what `plateau-face compare` was given as --out. The
tables go behind the mark in docs/experiment.md, in place of those that are there, and the curves
beside this file.
"""

import json
import shutil
import sys
from pathlib import Path

from plateau_face.comparison.results import CURVES, DOCUMENT, TABLE

HERE = Path(__file__).parent
PAGE = HERE.parent / "experiment.md"
MARK = "<!-- results -->\n"


def main(folders):
    text, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        sys.exit(f"{PAGE} has no line {MARK}")
    sections = [section(*folder.split("=", 1)) for folder in folders]
    PAGE.write_text(text + mark + "\n## Results\n" + "".join(sections), encoding="utf-8")


def section(name, folder):
    folder = Path(folder)
    title = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))["title"]
    shutil.copyfile(folder / CURVES, HERE / f"{name}.svg")
    table = (folder / TABLE).read_text(encoding="utf-8")
    alt = "Training losses, learning rates and accuracies, by budget."
    return f"\n### {title}\n\n{table}\n![{alt}](experiments/{name}.svg)\n"


if __name__ == "__main__":
    main(sys.argv[1:])
