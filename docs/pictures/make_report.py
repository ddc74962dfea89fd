"""Take the picture of the sample log's report, docs/pictures/report.png.

python docs/pictures/make_report.py
"""

import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))

import browser  # noqa: E402  it lies among the tests

PLATEAU = [sys.executable, "-c", "from plateau.cli import main; main()"]
WIDTH, HEIGHT = 1000, 1000


def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        shutil.copy(files("plateau") / "data" / "sample.log", Path(folder, "train.log"))
        subprocess.run([*PLATEAU, "report", "train.log"], cwd=folder, check=True)
        with browser.opened(Path(folder, "profile"), WIDTH, HEIGHT) as page:
            page.open(Path(folder, "report.html"))
            page.wait("document.querySelector('.plot .main-svg')")
            page.screenshot(HERE / "report.png", whole=False)


if __name__ == "__main__":
    main()
