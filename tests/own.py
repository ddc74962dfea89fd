"""The detector of docs/own-detector.md, as it stands there."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "own-detector.md"
(SOURCE,) = re.findall(r"```{testcode}\n(.*?)```", PAGE.read_text(), re.DOTALL)
exec(compile(SOURCE, PAGE, "exec"))  # here, so that pickle finds the class
