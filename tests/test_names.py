"""Names and numbers that a log may hold, and what is made of them for people and for programs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import PLATEAU
from typer.testing import CliRunner

from plateau import cli
from plateau.showing.printing import printable
from plateau.watching.event import environment

HOSTILE = {
    "title": "loss\x1b]0;PWNED\x07",
    "control": "loss\x9b2J",
    "turned": "loss \u202eevil",
    "half": "loss\ud800",
    "nul": "loss\0",
    "lines": "loss\n\x85plateau: 0 plateaus",
}


@pytest.fixture(params=HOSTILE)
def name(request):
    return HOSTILE[request.param]


@pytest.fixture
def log(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text(lines_of(name))
    return "a.jsonl"


def lines_of(name):
    falling = [3 - i / 20 for i in range(40)]
    rows = [
        {"step": i, name: value + (i * 7919 % 13) / 100}
        for i, value in enumerate(falling + [1.0] * 260)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def ran(*arguments, code=0):
    result = CliRunner().invoke(cli.app, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result


def assert_plain(text):
    assert [each for each in text if not each.isprintable() and each != "\n"] == []


def test_people_get_names_that_only_show(log, tmp_path, name):
    horizon = ["--horizon", "24"]
    for arguments in (
        ["scan", log, *horizon],
        ["columns", log],
        ["replay", log, *horizon],
        ["report", log, "--format", "markdown", *horizon],
        ["report", log, *horizon],
        ["watch", log, "--idle", "0", "--output", "told", *horizon],
        ["scan", log, "--plot", "a.svg", "-q"],
    ):
        assert_plain(ran(*arguments).output)
    assert_plain((tmp_path / "told").read_text())
    assert_plain((tmp_path / "report.html").read_text().replace("\t", ""))
    assert "plateau: 0 plateaus" not in ran("scan", log).output.splitlines()


def test_programs_get_names_as_they_are(log, tmp_path, name):
    found = json.loads(ran("scan", log, "--format", "json").stdout)
    assert found["logs"][0]["runs"][0]["metric"] == name
    ran("watch", log, "--idle", "0", "--horizon", "24", "--format", "jsonl", "--output", "told")
    assert json.loads((tmp_path / "told").read_text().splitlines()[0])["metric"] == name
    table = ran("scan", log, "--format", "csv", "--horizon", "24").stdout
    assert "loss" in table


def test_a_path_is_a_name_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = "e\x1b]0;T\x07.csv"
    Path(evil).write_text("step,loss\n" + "".join(f"{i},{i}.5\n" for i in range(60)))
    for arguments in (["scan", evil], ["scan", evil, "--metric", "nope"], ["columns", evil]):
        result = CliRunner().invoke(cli.app, arguments)
        assert_plain(result.output)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize(
    "arguments",
    [
        *(["scan"], ["scan", "--format", "csv"], ["scan", "--format", "parquet", "-o", "out"]),
        *(["scan", "--plot", "out.svg"], ["scan", "--archive", "folder"], ["columns"]),
        *(["report"], ["replay", "--format", "json"]),
        ["watch", "--idle", "0", "--state", "state", "--output", "out"],
    ],
    ids=" ".join,
)
def test_a_path_need_not_be_text(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    odd = os.fsdecode(b"l\xff\x9bo.csv")
    Path(odd).write_text("step,loss\n" + "".join(f"{i},{1 / (i + 1)}\n" for i in range(90)))
    horizon = [] if arguments[0] == "columns" else ["--horizon", "24"]
    assert_plain(ran(arguments[0], odd, *arguments[1:], *horizon).stderr)


@pytest.mark.skipif(os.name != "posix", reason="--exec is tried by a shell's words")
def test_a_command_is_run_whatever_the_name(log, tmp_path):
    command = [*PLATEAU, "watch", log]
    command += ["--idle", "0", "--horizon", "24", "--state", "s", "--output", "o"]
    command += ["--exec", 'printf "%s" "$PLATEAU_METRIC" > told']
    subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / "told").read_text(errors="surrogateescape").startswith("loss")
    assert (tmp_path / "s").exists()


@pytest.mark.skipif(os.name != "posix", reason="--exec is tried by a shell's words")
def test_a_name_is_no_command(tmp_path):
    """Names reach `--exec` in its environment, where a shell does not look for commands."""
    name = "loss $(touch a) `touch b`; touch c | touch d & touch e > f"
    log, before = tmp_path / "$(touch g);x.jsonl", {"told", "o"}
    log.write_text(lines_of(name))
    command = [*PLATEAU, "watch", log]
    command += ["--idle", "0", "--horizon", "24", "--output", "o"]
    command += ["--exec", 'printf "%s" "$PLATEAU_METRIC $PLATEAU_PATH" > told']
    subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / "told").read_text().startswith("loss $(touch a)")
    assert {each.name for each in tmp_path.iterdir()} == {log.name, *before}


def test_what_a_command_is_given_can_be_given():
    assert environment({"metric": "a\0b\ud800", "x": None}) == {"PLATEAU_METRIC": "a\ufffdb?"}
    assert len(environment({"metric": "x" * 200_000})["PLATEAU_METRIC"]) < 100_000
    undecoded = os.fsdecode(b"run\xff.csv")
    assert environment({"path": undecoded}) == {"PLATEAU_PATH": undecoded}


def test_no_name_is_a_formula_to_a_spreadsheet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["=1+2", "-loss", "+loss", "@loss"]
    for name in names:
        rows = ({"step": i, name: 1.0} for i in range(200))
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for options, shown in ((["--guard"], "'"), (["--no-guard"], "")):
        for name in names:
            command = ["scan", f"./{name}.jsonl", f"--metric={name}", "--format", "csv", *options]
            _, row = ran(*command).stdout.splitlines()
            assert row.split(",")[2] == shown + name


def test_what_can_be_shown_stays_as_it_is():
    assert printable("Größe 损失 α→β 🙂") == "Größe 损失 α→β 🙂"
    assert printable("a\tb\xa0c") == "a b c"


@pytest.mark.parametrize(
    "row",
    [lambda i: (i, 1.7e308 * (-1) ** i), lambda i: (i * 1e307, 1 / (i + 1))],
    ids=["values", "places"],
)
def test_numbers_as_large_as_there_are(tmp_path, monkeypatch, row):
    monkeypatch.chdir(tmp_path)
    rows = "".join("{!r},{!r}\n".format(*row(i)) for i in range(17))
    (tmp_path / "a.csv").write_text("step,loss\n" + rows)
    for arguments in (["--fail-on", "nan"], ["--plot", "a.png"], ["--format", "csv"]):
        ran("scan", "a.csv", *arguments)
    ran("report", "a.csv")
    ran("replay", "a.csv")


def test_a_remark_of_many_brackets(tmp_path):
    path = tmp_path / "a.log"
    path.write_text(
        "# " + "[" * 100_000 + "\n" + "".join(f"{i} {9 / (i + 1):.3f}\n" for i in range(40))
    )
    ran("scan", path)


def test_a_bug_of_ours_is_not_what_a_gate_asks_for(monkeypatch, capsys):
    def buggy(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("plateau.commands.scan.check_files", buggy)
    monkeypatch.setattr(sys, "argv", ["plateau", "scan", "a.csv", "--fail-on", "plateau"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 70
    told = capsys.readouterr().err
    assert told.splitlines()[-1].startswith("plateau: this is a bug of plateau (ZeroDivisionError)")
