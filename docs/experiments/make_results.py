"""Write the results of experiments into the page on the experiment.

usage: python docs/experiments/make_results.py NAME=FOLDER ...

NAME.toml lies beside this file and FOLDER is what `plateau-face compare` was given as --out. The
tables go behind the mark in docs/experiment.md, in place of those that are there; the curves and
the logs of the runs that are finished, NAME.runs.tar.xz, beside this file.
"""

import json
import shutil
import sys
import tarfile
from pathlib import Path

from plateau_face.comparison.folder import RunFolder
from plateau_face.comparison.results import CURVES, DOCUMENT, TABLE
from plateau_face.log import LOG

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
    keep_runs(folder, HERE / f"{name}.runs.tar.xz")
    table = (folder / TABLE).read_text(encoding="utf-8")
    alt = "Training losses, learning rates and accuracies, by budget."
    return f"\n### {title}\n\n{table}\n![{alt}](experiments/{name}.svg)\n"


def keep_runs(folder, archive):
    """Pack what a report needs of the runs that are finished: their records and logs."""
    with tarfile.open(archive, "w:xz") as tar:
        for record in sorted(folder.glob("*/run.json")):
            if RunFolder(record.parent).is_finished():
                for path in (record, record.with_name(LOG)):
                    tar.add(path, path.relative_to(folder), filter=anonymous)


def anonymous(entry):
    """Return an entry that does not say when and by whom it was made."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main(sys.argv[1:])
