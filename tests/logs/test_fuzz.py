"""Damaged sample logs of every format: a log comes back or one clear line, nothing else.

Short here; ``python tests/logs/test_fuzz.py MINUTES [SAMPLE …]`` goes on for as long as one
likes, and ``python tests/logs/test_fuzz.py atheris [OPTIONS OF LIBFUZZER]`` lets atheris look for
what is not reached yet. What was found is in the folder ``findings``.
"""

import importlib
import random
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateau.logs import LogError, read_log
from plateau.logs.formats.known import FORMATS

SAMPLES = Path(__file__).parent / "samples"
FILES = {
    path.relative_to(SAMPLES).as_posix(): path.read_bytes()
    for path in sorted(SAMPLES.rglob("*"))
    if path.is_file()
}
SLOW = {"parquet", "arrow"}  # read in a process of their own
FINDINGS = Path(__file__).parent / "findings"


def damaged(data, random):
    """Change some bytes, leave some out, put some in, repeat some, or cut the end."""
    data = bytearray(data)
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(data) + 1)
        to = min(len(data), at + random.choice([1, 1, 2, 8, 100]))
        kind = random.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = random.randrange(256)
        elif kind == 1:
            del data[at:to]
        elif kind == 2:
            data[at:at] = random.choice(
                [b"\0", b"\n", b"\r", b",", b'"', b"{", b"]", b"nan", b"1e999", b"-", b"\xff\xfe",
                 b"\x1b[", b"\xf0\x9f", b"999999999999999999999", b"(", b"0x1p3", b"\x08", b"%|"]
            )  # fmt: skip
        elif kind == 3:
            data[at:at] = data[at:to]
        elif kind == 4:
            del data[at:]
        else:
            data[at:to] = bytes(random.randrange(256) for _ in range(to - at))
    return bytes(data)


def written(folder, name, data):
    """Write a file where a sample of this name lies: some formats need it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def check(path):
    """Read a file; anything but a log or a clear line is an error here."""
    log, message = None, ""
    try:
        log = read_log(path)
    except LogError as error:
        message = str(error)
    assert log or (message.startswith(f"{path}: ") and "\n" not in message), message
    for run in log.runs if log else ():
        assert len(run.values) == len(run.x) == len(run.lines) > 0
    assert all("\n" not in warning for warning in (log.warnings if log else ()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def test_each_format_has_a_sample_log_that_reads():
    read = {read_log(SAMPLES / name).format for name in FILES}
    assert read == {name for one in FORMATS for name in one.names}


@pytest.mark.parametrize("name", sorted(FILES.keys() - SLOW))
@settings(max_examples=25, deadline=None)
@given(seed=st.randoms(use_true_random=False))
def test_damaged_files_give_a_log_or_a_clear_line(folder, name, seed):
    check(written(folder, name, damaged(FILES[name], seed)))


@pytest.mark.parametrize("name", sorted(SLOW))
@settings(max_examples=4, deadline=None)
@given(seed=st.randoms(use_true_random=False))
def test_damaged_files_of_polars_do_so_too(folder, name, seed):
    check(written(folder, name, damaged(FILES[name], seed)))


@pytest.mark.parametrize("path", sorted(FINDINGS.iterdir()), ids=lambda path: path.name)
def test_what_was_found_stays_mended(path):
    check(path)


def main(minutes, *names):
    """Go on with files that no run before has seen, of all samples or some; keep what fails."""
    end, count = time.monotonic() + 60 * float(minutes), 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            for name in names or FILES:
                data, seed = FILES[name], random.randrange(1 << 48)
                path = written(Path(folder), name, damaged(data, random.Random(seed)))
                try:
                    check(path)
                except BaseException:
                    kept = Path(f"fuzz-{name.replace('/', '-')}-{seed}")
                    kept.write_bytes(path.read_bytes())
                    print(f"{kept} fails", file=sys.stderr)
                    raise
                count += 1
    print(f"{count} damaged files, each a log or a clear line")


def guided(options):
    """Let atheris change files towards code that was not run yet."""
    import atheris

    for name in [name for name in sys.modules if name.startswith("plateau")]:
        del sys.modules[name]
    with atheris.instrument_imports(include=["plateau.logs"]):
        reader = importlib.import_module("plateau.logs.reader")
    globals().update(read_log=reader.read_log, LogError=reader.LogError)
    with tempfile.TemporaryDirectory() as folder:
        corpus, path = Path(folder, "corpus"), Path(folder, "changed")
        corpus.mkdir()
        for name in FILES.keys() - SLOW:
            (corpus / name.replace("/", "-")).write_bytes(FILES[name])

        def one(data):
            path.write_bytes(data)
            check(path)

        atheris.Setup([sys.argv[0], str(corpus), *options], one)
        atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "atheris":
        guided(sys.argv[2:])
    else:
        main(*sys.argv[1:])
