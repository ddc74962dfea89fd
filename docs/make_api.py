"""Write ``docs/api.md`` from the docstrings: ``python docs/make_api.py [--check]``.

The page is plain Markdown, so that it can be read in a checkout. What it has, and in which order,
is in `SECTIONS`; with ``--check`` nothing is written, and a page that differs is an error.
"""

import ast
import difflib
import enum
import inspect
import re
import sys
import textwrap
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from numpydoc.docscrape import NumpyDocString
from sphinx.ext.autodoc.mock import mock

PAGE = Path(__file__).parent / "api.md"
OURS = ("plateau", "plateau_")
MARK = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Before a name that a docstring refers to."""

WIDTH = 100
"""Of a line of code."""

FOR_DETECTORS = {"group", "kernels", "kernels_for", "make_state"}
"""Members that are not for users."""


FRAMEWORKS = ("catboost", "keras", "lightgbm", "lightning", "optuna", "ray", "river")
FRAMEWORKS += ("transformers", "xgboost")
"""Their adapters are described alike whether they are there or not."""


class Section(NamedTuple):
    title: str
    names: tuple[str, ...] = ()
    about: str = ""
    only: tuple[str, ...] = ()
    """The members to tell, where not all are for users."""


SECTIONS = (
    Section("Detectors", ("plateau.Detector", "plateau.ThresholdDetector", "plateau.Verdict")),
    Section("Many streams at once", ("plateau.DetectorBank",)),
    Section(
        "Evidence of shifts",
        (
            "plateau.evidence.e_value",
            "plateau.evidence.independent_blocks",
            "plateau.evidence.e_bh",
        ),
        "For one look at many series. [Quality](quality.md) says how well it holds.",
    ),
    Section(
        "Streams by key",
        ("plateau.KeyedDetectors",),
        "[Streams by key](streams.md) has recipes for engines.",
    ),
    Section("Slope filters", ("plateau.Ema", "plateau.EmaHaar", "plateau.Haar")),
    Section("What happens in a stream", ("plateau.Event",)),
    Section(
        "Streams that are complete",
        ("plateau.find_plateaus", "plateau.Plateau", "plateau.trace", "plateau.Trace"),
    ),
    Section(
        "Saved logs",
        ("plateau.scan", "plateau.Scan", "plateau.Gain", "plateau.read_log"),
        "[Python and notebooks](python.md) has examples.",
    ),
    Section(
        "Pictures",
        ("plateau.plot",),
        """\
![What plot draws of a series: the curve, its level, its plateau from its onset, where it was known, and where the detector fired.](pictures/plot-series.svg)

![What plot draws of a scan: the same for each run, with slow plateaus and the learning rate.](pictures/demo.svg)

![What plot draws of a detector: the means that it remembers, and the plateau that it is in.](pictures/plot-detector.svg)""",  # noqa: E501
    ),
    Section("Schedules without a framework", ("plateau.Schedule", "plateau.Stopper")),
    Section("What a fire means for the rate", ("plateau.policy.Policy",), only=("react",)),
    Section("What a policy keeps", ("plateau.policy.PolicyState", "plateau.policy.Reaction")),
    Section(
        "PyTorch",
        ("plateau_torch.PlateauLR", "plateau_torch.PlateauEvent", "plateau_torch.PlateauStopper"),
        "[PyTorch](pytorch.md) has complete training loops.",
    ),
    Section(
        "Lightning",
        ("plateau_lightning.PlateauRate", "plateau_lightning.PlateauStop"),
        "[Lightning](lightning.md) has a program.",
        only=("scheduler", "stopper"),
    ),
    Section(
        "transformers",
        ("plateau_transformers.PlateauRate", "plateau_transformers.PlateauStop"),
        "[transformers](transformers.md) has a program.",
        only=("schedule", "stopper"),
    ),
    Section(
        "Keras",
        ("plateau_keras.PlateauRate", "plateau_keras.PlateauStop"),
        "[Keras](keras.md) has a program.",
        only=("schedule", "stopper", "state_dict"),
    ),
    Section(
        "Boosting",
        tuple(f"plateau_boosting.{name}Stop" for name in ("CatBoost", "LightGBM", "XGBoost")),
        "[Boosting](boosting.md) has programs.",
        only=("stopper", "state_dict", "load_state_dict"),
    ),
    Section(
        "Sweeps",
        ("plateau_sweeps.PlateauStop", "plateau_sweeps.TuneStop"),
        "[Sweeps](sweeps.md) has programs.",
        only=("step", "stoppers"),
    ),
    Section(
        "River",
        ("plateau_river.PlateauDrift",),
        "[River](river.md) has a program.",
        only=("update", "current"),
    ),
    Section(
        "Alerts",
        tuple(
            f"plateau.alerts.{name}"
            for name in (
                *("Alerts", "Sink", "NotSentError", "Webhook", "Mail"),
                *("Wandb", "Trackio", "MLflow", "TensorBoard"),
            )
        ),
        "[Alerts](alerts.md) says what they do.",
    ),
    Section(
        "Polars",
        ("plateau_polars.PlateauExpr", "plateau_polars.PlateauSeries"),
        "[Polars](polars.md) has examples. Importing `plateau_polars` adds both classes under the "
        "name `plateau`.",
    ),
    Section(
        "Faces",
        ("plateau_face.Embedder",),
        "[Face recognition](face.md) says how to train a network.",
        only=("load", "size", "__call__"),
    ),
    Section(
        "A detector of your own",
        ("plateau.custom.CustomDetector",),
        "[A detector of your own](own-detector.md) has an example.",
        only=("take", "regime_changed", "State"),
    ),
    Section(
        "What belongs to it",
        ("plateau.custom.CustomState", "plateau.protocol.DetectorProtocol"),
    ),
    Section(
        "Checks",
        tuple(
            f"plateau.checks.{name}"
            for name in (
                *("whole", "number", "positive", "weight", "one_of"),
                *("as_sample", "as_samples", "as_rows", "first_nonfinite", "nonfinite_error"),
            )
        ),
        "For arguments and samples of what you write yourself, in `plateau.checks`. Those of "
        "arguments return the value in its plain form, or raise an error that names the argument "
        "and says what would be right.",
    ),
)


def main() -> None:
    with mock(list(FRAMEWORKS)):
        made = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made)
        return
    there = PAGE.read_text()
    if there != made:
        lines = difflib.unified_diff(
            there.splitlines(), made.splitlines(), "docs/api.md", "docstrings", lineterm=""
        )
        sys.exit("\n".join([*lines, "", "docs/api.md is old: python docs/make_api.py"]))


def page() -> str:
    """Return the whole page."""
    links = anchors()
    lines = [
        "# API",
        "<!-- Made of the docstrings by docs/make_api.py: edit those, or its list. -->",
        contents(),
    ]
    told: dict[object, str] = {}
    for section in SECTIONS:
        lines += [f"## {section.title}", *filter(None, [section.about])]
        for name in section.names:
            for part in described(name, section.only, told):
                lines.append(linked(part, links, name.rpartition(".")[0]))
    return "\n\n".join(lines) + "\n"


def anchors() -> dict[str, str]:
    """Return where each name stands: `trace` and `Trace` make one word, and the second gets -1."""
    made: dict[str, str] = {}
    words: list[str] = []
    for name in (one for section in SECTIONS for one in section.names):
        word = name.rpartition(".")[2].lower()
        made[name] = f"{word}-{words.count(word)}" if word in words else word
        words.append(word)
    return made


def contents() -> str:
    rows, places = ["| | |", "|---|---|"], anchors()
    for section in SECTIONS:
        for name in section.names:
            about = linked(plain(summary(found(name))), places, name.rpartition(".")[0])
            rows.append(f"| [`{name}`](#{places[name]}) | {about} |")
    return "\n".join(rows)


def found(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def described(name: str, only: tuple[str, ...], told: dict[object, str]) -> list[str]:
    """Return the parts of the page on a class or function."""
    thing, short = found(name), name.rpartition(".")[2]
    lines = [f"### {short}", signature(thing, name), *docstring(thing)]
    if not isinstance(thing, type):
        return lines
    notes, fields, methods = attribute_notes(thing), [], []
    before: dict[str, list[str]] = {}
    for member, value in members(thing):
        if only and member not in only:
            continue
        what = value.fget if isinstance(value, property) else value
        what = getattr(what, "__func__", what)
        if inspect.isfunction(what) and what in told:
            before.setdefault(told[what], []).append(member)
        elif inspect.isfunction(what) and not isinstance(value, property):
            told[what] = short
            methods += [f"#### {short}.{member}", signature(what, member), *docstring(what, thing)]
        else:
            if inspect.isfunction(what):
                told[what] = short
            text = notes.get(member) or " ".join(about(value)).strip()
            fields += [f"- `{member}`: {' '.join(plain(text).split())}"] if text else []
    lines += ["\n".join(["**Attributes**", "", *fields])] if fields else []
    for other, names in before.items():
        alike = ", ".join(f"`{one}`" for one in names)
        lines.append(f"As {mark(other)} has them: {alike}.")
    return lines + methods


def members(thing: type) -> list[tuple[str, object]]:
    """Return the public members that are ours, in the order of their sources."""
    ours = [one for one in thing.__mro__ if one.__module__.split(".")[0].startswith(OURS)]
    names = dict.fromkeys(name for one in ours for name in (*attribute_notes(one), *vars(one)))
    public = [n for n in names if not n.startswith("_") or n == "__call__"]
    return [
        (name, inspect.getattr_static(thing, name, None))
        for name in public
        if name not in FOR_DETECTORS
    ]


def attribute_notes(thing: type) -> dict[str, str]:
    """Return the texts below the fields of a class, or beside the values of an enumeration."""
    notes: dict[str, str] = {}
    for one in reversed(thing.__mro__):
        if not one.__module__.split(".")[0].startswith(OURS):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        for field, text in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                target = (
                    getattr(field, "target", None) or (getattr(field, "targets", None) or [0])[0]
                )
                if isinstance(target, ast.Name):
                    notes[target.id] = inspect.cleandoc(str(text.value.value))
    if issubclass(thing, enum.Enum):
        notes |= {
            name: notes.get(name, f"`{value.value!r}`") for name, value in thing.__members__.items()
        }
    return notes


def signature(thing: object, name: str) -> str:
    """Return how it is called, without types: those are told with the parameters."""
    given: list[inspect.Parameter] = []
    if not (isinstance(thing, type) and issubclass(thing, enum.Enum)):
        call = thing
        if isinstance(thing, type) and inspect.isfunction(thing.__init__):
            call = thing.__init__  # the class may be of a framework that is not there
        given = [
            one.replace(annotation=inspect.Parameter.empty)
            for one in inspect.signature(call).parameters.values()
            if one.name not in ("self", "cls")
        ]
    arguments = str(inspect.Signature(given)).replace("'", '"')[1:-1]
    return f"```python\n{laid_out(name, arguments)}\n```"


def laid_out(name: str, arguments: str) -> str:
    """Return a call as the formatter of the project would have it."""
    if len(name) + len(arguments) + 2 <= WIDTH:
        return f"{name}({arguments})"
    if len(arguments) + 4 <= WIDTH:
        return f"{name}(\n    {arguments}\n)"
    return "\n".join([f"{name}(", *(f"    {one}," for one in arguments.split(", ")), ")"])


def summary(thing: object) -> str:
    return " ".join(parsed(thing)["Summary"])


def parsed(thing: object) -> NumpyDocString:
    return NumpyDocString(inspect.getdoc(thing) or "")


def docstring(thing: object, owner: type | None = None) -> list[str]:
    """Return a docstring as parts of Markdown; of a method the fullest that its class inherits."""
    doc = parsed(thing)
    for one in owner.__mro__ if owner else ():
        same = vars(one).get(getattr(thing, "__name__", ""))
        if inspect.isfunction(same) and len(inspect.getdoc(same) or "") > len(str(doc)):
            doc = parsed(same)
    parts = about(doc)
    for title in ("Parameters", "Returns", "Yields", "Raises", "Attributes"):
        if doc[title]:
            parts.append("\n".join([f"**{title}**", "", *map(parameter, doc[title])]))
    parts += [prose(doc[title]) for title in ("Notes", "References") if doc[title]]
    return [part for part in parts if part] + examples(doc["Examples"])


def about(thing: object) -> list[str]:
    """Return what a docstring says before its sections."""
    doc = thing if isinstance(thing, NumpyDocString) else parsed(thing)
    return [plain(" ".join(doc["Summary"])), prose(doc["Extended Summary"])]


def examples(lines: list[str]) -> list[str]:
    """Return what stands between examples as text, and each of them as code."""
    parts: list[str] = []
    for block in filter(None, re.split(r"\n\s*\n", "\n".join(lines))):
        code = block.startswith(">>>")
        parts.append(f"```python\n{block}\n```" if code else plain(block))
    return parts


def parameter(one: object) -> str:
    name, kind, text = one
    name = name.replace("*", r"\*")
    head = f"*{kind}*" if not name else f"`{one[0]}`" + (f": *{kind}*" if kind else "")
    return f"- {head}" + (f". {plain(' '.join(text))}" if text else "")


def prose(lines: list[str]) -> str:
    """Return paragraphs in Markdown; formulas as they are known there."""
    text = "\n".join(lines)
    text = re.sub(
        r"^\.\. math::\n\n((?:[ ]+.*\n?|\n)+)",
        lambda found: formulas(textwrap.dedent(found[1])),
        text,
        flags=re.MULTILINE,
    )
    return plain(text)


def formulas(text: str) -> str:
    return "".join(f"$$\n{one}\n$$\n\n" for one in re.split(r"\n\s*\n", text.strip()))


def plain(text: str) -> str:
    """Turn the roles of a docstring into Markdown."""
    text = re.sub(r":math:`([^`]+)`", r"$\1$", text)
    # A name in single backquotes is marked, to become a link.
    text = re.sub(r"(?<!`)`(?!`)~?([\w.]+)`(?!`)", lambda found: mark(found[1]), text)
    return text.replace("``", "`")


def mark(name: str) -> str:
    """Return a name that becomes a link, if the page has it."""
    return f"`{MARK}{name}`"


def linked(text: str, places: dict[str, str], module: str) -> str:
    """Link names that the page has; of two alike, that of the same module."""
    short = {name.rpartition(".")[2]: place for name, place in reversed(places.items())}
    short |= {
        name.rpartition(".")[2]: place
        for name, place in places.items()
        if name.rpartition(".")[0] == module
    }

    def link(found: re.Match[str]) -> str:
        parts = found[1].split(".")
        there = next((short[part] for part in reversed(parts) if part in short), None)
        return f"[`{found[1]}`](#{there})" if there else f"`{found[1]}`"

    return re.sub(f"`{MARK}([^`]+)`", link, text)


if __name__ == "__main__":
    main()
