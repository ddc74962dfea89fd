"""Would a test fail if a line of a module were wrong?

    python -m tests.mutants plateau/_rules.py tests/test_rules.py tests/test_calibrated.py

In a copy of the checkout one operator, number or condition of the module is changed at a time, and
the tests named behind it run until one fails. What survives is printed: it lacks a test, or the
change makes no difference, which is for you to tell. Kernels that numba compiles take seconds more
each, since every mutant is compiled anew.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.USub: ast.UAdd,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """A module with one change."""

    line: int
    before: str
    after: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield all mutants of a module, in the order of its syntax tree."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for field, value in changes(node):
            kept, before = getattr(node, field), ast.unparse(node)
            setattr(node, field, value)
            after = ast.unparse(node)
            yield Mutant(node.lineno, _first(before), _first(after), ast.unparse(tree))
            setattr(node, field, kept)


def changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield fields of a node with what else they may be."""
    match node:
        case ast.Compare(ops=operators):
            for i, operator in enumerate(operators):
                other = OPERATORS[type(operator)]()
                yield "ops", [*operators[:i], other, *operators[i + 1 :]]
        case ast.BinOp() | ast.AugAssign() | ast.BoolOp() | ast.UnaryOp():
            if type(node.op) in OPERATORS:
                yield "op", OPERATORS[type(node.op)]()
        case ast.If() | ast.While() | ast.IfExp():
            yield "test", ast.UnaryOp(ast.Not(), node.test)
        case ast.Constant(value=bool() as value):
            yield "value", not value
        case ast.Constant(value=int() as value):
            yield "value", value + 1
        case ast.Constant(value=float() as value):
            yield "value", 2.0 * value or 1.0
        case ast.Name(id=name) if name in NAMES:
            yield "id", NAMES[name]


def _first(code: str) -> str:
    return code.partition("\n")[0]


def passes(folder: Path, tests: list[str], seconds: float | None = None) -> bool:
    """Whether tests pass in a checkout; one that takes too long does not."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    paths = os.pathsep.join(map(str, (folder, folder / "integrations")))
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def survivors(folder: Path, module: str, tests: list[str], tried: list[Mutant]) -> list[Mutant]:
    """Return the mutants under which the tests pass; without a change they must."""
    begin = time.monotonic()
    if not passes(folder, tests):
        sys.exit(f"{' '.join(tests)} fail without a change")
    patience = 60 + 5 * (time.monotonic() - begin)
    left = []
    for mutant in tried:
        (folder / module).write_text(mutant.source)
        if passes(folder, tests, patience):
            left.append(mutant)
            print(f"{module}:{mutant.line}: {mutant.before}  ->  {mutant.after}", flush=True)
    return left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("module", help="a file of the checkout, say plateau/_rules.py")
    parser.add_argument("tests", nargs="+", help="what pytest is to run")
    parser.add_argument("--count", type=int, default=40, help="how many mutants (default 40)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice among all")
    asked = parser.parse_args()
    everything = list(mutants((ROOT / asked.module).read_text()))
    tried = random.Random(asked.seed).sample(everything, min(asked.count, len(everything)))
    left_out = shutil.ignore_patterns(".*", "_build", "__pycache__")
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there, "checkout")
        shutil.copytree(ROOT, folder, ignore=left_out)
        left = survivors(folder, asked.module, asked.tests, tried)
    print(f"{asked.module}: {len(tried) - len(left)} of {len(tried)} killed")


if __name__ == "__main__":
    main()
