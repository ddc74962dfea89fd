"""The search for mutants that survive, on a module of three lines."""

import ast

import mutants
import pytest

SOURCE = """\
def half(x, most=5):
    '''Docstrings stay: 3 < 4.'''
    return x / 2 if x < most else max(x, 2.5)
"""


def made():
    tree = ast.parse(SOURCE)
    return [mutants.mutant(tree, site) for site in mutants.sites(tree)]


def test_each_mutant_has_one_change():
    found = [(m.line, m.before, m.after) for m in made()]
    assert sorted(found) == sorted(
        [
            (1, "5", "6"),
            (3, "x / 2", "x * 2"),
            (3, "2", "3"),
            (3, "x < most", "x <= most"),
            (3, "max", "min"),
            (3, "2.5", "5.0"),
            (
                3,
                "x / 2 if x < most else max(x, 2.5)",
                "x / 2 if not x < most else max(x, 2.5)",
            ),
        ]
    )
    whole = ast.unparse(ast.parse(SOURCE))
    for one in made():
        assert one.source != whole
        assert "Docstrings stay: 3 < 4." in one.source
    assert len({one.source for one in made()}) == len(found)


def test_each_module_of_the_table_has_its_tests():
    for module, tests in mutants.HELD.items():
        assert (mutants.ROOT / "plateau" / module).is_file()
        for test in tests:
            file, _, name = test.partition("::")
            assert f"def {name}(" in (mutants.ROOT / "tests" / file).read_text() or not name


def test_what_no_test_notices_survives(tmp_path, capsys):
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "halving.py").write_text(SOURCE)
    test = "from halving import half\ndef test_half():\n    assert (half(3), half(6)) == (1.5, 6)\n"
    (tmp_path / "test_halving.py").write_text(test)
    tried = [m for m in made() if m.before in ("x / 2", "x < most")]
    left = mutants.survivors(tmp_path, "halving.py", ["test_halving.py"], tried)
    assert [m.after for m in left] == ["x <= most"]
    assert capsys.readouterr().out == "halving.py:3: x < most  ->  x <= most\n"
    assert (tmp_path / "halving.py").read_text() == SOURCE
    (tmp_path / "halving.py").write_text("half = int\n")
    with pytest.raises(SystemExit, match=r"test_halving\.py fail without a change"):
        mutants.survivors(tmp_path, "halving.py", ["test_halving.py"], tried)
