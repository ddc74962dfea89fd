"""The rooms of the readers: which takes something from which, and that none does so in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import plateau.logs

HOME = Path(plateau.logs.__file__).parent


def room_of(module):
    """The room that a module of the readers is in, or itself where it is in none."""
    return module.removeprefix("plateau.logs").lstrip(".").partition(".")[0] or "plateau.logs"


def taken(path):
    """The modules of the readers that a file imports when it is imported, and for its types."""
    tree = ast.parse(path.read_text())
    lazy = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in lazy and node.module:
            names = [f"{node.module}.{one.name}" for one in node.names]
            yield from (name for name in names if name.startswith("plateau.logs."))


def rooms():
    found = {}
    for path in HOME.rglob("*.py"):
        module = ".".join(("plateau.logs", *path.relative_to(HOME).with_suffix("").parts))
        own = room_of(module.removesuffix(".__init__"))
        if own != "plateau.logs":  # the front door
            found.setdefault(own, set()).update({room_of(one) for one in taken(path)} - {own})
    return found


def test_no_room_takes_from_one_that_takes_from_it():
    order = [*TopologicalSorter(rooms()).static_order()]
    assert order.index("names") < order.index("choosing") < order.index("large")
    assert order.index("files") < order.index("formats") < order.index("reader")


def test_the_front_door_and_a_few_modules_stand_outside_of_rooms():
    assert {path.stem for path in HOME.glob("*.py")} <= {
        *("__init__", "behaviour", "columns", "model", "numerals", "reader"),
    }  # fmt: skip
