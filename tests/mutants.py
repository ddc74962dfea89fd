"""Would a test fail if a line of a module were wrong?

    python -m tests.mutants _rules.py _stretches.py --count 40

In a copy of the checkout one operator, number or condition of a module is changed at a time, and
the tests that `HELD` names for it run until one fails. What survives is printed: it lacks a test,
or the change makes no difference, which is for you to tell. Kernels that numba compiles take
seconds more each, since every mutant is compiled anew.
"""

import argparse
import ast
import gc
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from multiprocessing import get_context
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_CPU, setrlimit
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.USub: ast.UAdd,
}  # fmt: skip
HELD = {
    "policy.py": ["test_policy.py"],
    "_rules.py": ["test_rules.py"],
    "_stretches.py": ["test_stretches.py"],
    "_pieces.py": ["test_pieces.py"],
    "_scale.py": [
        "test_hindsight.py::test_two_decades_are_decades",
        "test_hindsight.py::test_where_decades_end_tells_whether_they_count",
    ],
    "_estimates.py": ["test_estimates.py"],
    "schedule.py": ["test_schedule.py"],
    "stopper.py": ["test_schedule.py"],
    "events.py": ["test_events.py"],
    "hindsight.py": ["test_hindsight.py"],
    "segments.py": ["test_segments.py"],
    "follower.py": ["test_offline.py"],
    "outlook.py": ["test_outlook.py"],
    "evidence.py": ["test_evidence.py"],
    "overfitting.py": ["test_overfitting.py"],
    "offline.py": ["test_offline.py"],
    "keyed.py": ["test_keyed.py"],
    "_samples.py": ["test_checks.py", "test_threshold.py"],
    "_arguments.py": ["test_checks.py"],
    "durations.py": ["test_durations.py"],
}
"""Modules of the core, and the tests that hold each."""

OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "--tb=no")
"""Of pytest: only whether all pass is asked."""

PATIENCE = 30
"""Seconds of processor time for the tests of a mutant: several times what they need."""

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["hypothesis", "numba", "pytest", "scipy.stats"])

NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """A module with one change."""

    line: int
    before: str
    after: str
    source: str


class Site(NamedTuple):
    """One change that can be made to a syntax tree."""

    node: ast.AST
    field: str
    value: Any


def sites(tree: ast.AST) -> list[Site]:
    """Return all changes that can be made, in the order of the tree."""
    return [Site(node, *change) for node in ast.walk(tree) for change in changes(node)]


def mutant(tree: ast.AST, site: Site) -> Mutant:
    """Return the module of a tree with one change; the tree stays as it is."""
    node, field, value = site
    kept, before = getattr(node, field), ast.unparse(node)
    setattr(node, field, value)
    made = Mutant(node.lineno, _first(before), _first(ast.unparse(node)), ast.unparse(tree))
    setattr(node, field, kept)
    return made


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


def passes(folder: Path, tests: list[str], patience: int = RLIM_INFINITY) -> bool:
    """Whether tests pass in a checkout; ones that take too long do not."""
    running = PROCESSES.Process(target=_run, args=(folder, tests, patience))
    running.start()
    running.join()
    return running.exitcode == 0


def _run(folder: Path, tests: list[str], patience: int) -> None:
    setrlimit(RLIMIT_CPU, (patience, patience))
    os.chdir(folder)
    sys.path[:0] = map(str, (folder, folder / "integrations"))
    sys.dont_write_bytecode = True  # a mutant may be as old and as long as the one before
    os.environ |= {"HYPOTHESIS_PROFILE": "mutants", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    os.environ.pop("NUMBA_CACHE_DIR", None)  # the kernels' compiled code came with the copy
    gc.freeze()  # what was imported before: else pytest searches it several times for garbage
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        sys.exit(pytest.main([*OPTIONS, *tests]))


def choose(module: Path, count: int, seed: int) -> list[Mutant]:
    """Return some of the mutants of a module."""
    tree = ast.parse(module.read_text())
    found = sites(tree)
    chosen = random.Random(seed).sample(found, min(count, len(found)))
    return [mutant(tree, site) for site in chosen]


def survivors(folder: Path, module: str, tests: list[str], tried: list[Mutant]) -> list[Mutant]:
    """Return the mutants under which the tests pass; without a change they must."""
    if not passes(folder, tests):
        sys.exit(f"{' '.join(tests)} fail without a change")
    left, whole = [], (folder / module).read_bytes()
    for one in tried:
        (folder / module).write_text(one.source)
        if passes(folder, tests, PATIENCE):
            left.append(one)
            print(f"{module}:{one.line}: {one.before}  ->  {one.after}", flush=True)
    (folder / module).write_bytes(whole)
    return left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", default=HELD, help="say _rules.py (default: all)")
    parser.add_argument("--count", type=int, default=25, help="of mutants a module (default 25)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice among all")
    asked = parser.parse_args()
    if unknown := [name for name in asked.modules if name not in HELD]:
        parser.error(f"no {unknown[0]} among {', '.join(HELD)}")
    left_out = shutil.ignore_patterns(".*", "_build")
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there, "checkout")
        shutil.copytree(ROOT, folder, ignore=left_out)
        for name in asked.modules:
            module, tests = f"plateau/{name}", [f"tests/{each}" for each in HELD[name]]
            tried = choose(folder / module, asked.count, asked.seed)
            left = survivors(folder, module, tests, tried)
            print(f"| `{name}` | {len(tried)} | {len(tried) - len(left)} |", flush=True)


if __name__ == "__main__":
    main()
