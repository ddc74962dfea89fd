"""A training's folder: what is there already, damaged, of another run, or on a full disk."""

import dataclasses
import pickle
import resource
import signal
from contextlib import contextmanager, nullcontext

import pytest
import torch
from face_runs import TINY, png, write_bin

from plateau_face.checkpoint import load_checkpoint
from plateau_face.train import resume, start


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    start(TINY, tmp_path / "run", lambda _: None)
    with pytest.raises(ValueError, match="has a run already"):
        start(TINY, tmp_path / "run", lambda _: None)
    with pytest.raises(ValueError, match=r"has no run: there is no last\.pt"):
        resume(tmp_path, lambda _: None)


def test_resume_with_other_data_is_refused(tmp_path):
    trainer = start(TINY, tmp_path / "run", lambda _: None)
    for other, message in [
        ({"classes": 7}, "the run has 7 identities and 36 images, the data now 6 and 36"),
        ({"images": 35}, "the run has 6 identities and 35 images, the data now 6 and 36"),
    ]:
        with pytest.raises(ValueError, match=message):
            trainer.load(load_checkpoint(tmp_path / "run") | other)


def test_a_bad_verification_set_is_refused_before_training(tmp_path):
    good, bad = png(1)[0], b"no image"
    for images, same, message in [
        ([good] * 40, [True, False] * 10, None),
        ([good] * 37 + [bad] + [good] * 2, [True, False] * 10, r"v\.bin image 37: not a readable"),
        ([good] * 4, [True, False], r"v\.bin: 10 folds need as many pairs, there are 2"),
        ([good] * 40, [True] * 20, r"v\.bin: all pairs are of the same person, some of both are"),
        ([good] * 40, [False] * 20, r"v\.bin: all pairs are of two persons"),
    ]:
        write_bin(tmp_path / "v.bin", (images, same))
        config = dataclasses.replace(TINY, val=(str(tmp_path / "v.bin"),))
        expected = pytest.raises(ValueError, match=message) if message else nullcontext()
        with expected:
            start(config, tmp_path / f"run{message is None}", lambda _: None)


def test_a_folder_with_a_log_of_something_else_is_left_alone(tmp_path):
    log = tmp_path / "run" / "log.jsonl"
    log.parent.mkdir()
    log.write_text('{"mine": 1}\n')
    with pytest.raises(
        ValueError, match=r"log\.jsonl is there already: remove it, or choose anoth"
    ):
        start(TINY, tmp_path / "run", lambda _: None)
    assert log.read_text() == '{"mine": 1}\n'
    log.write_text("")  # a run that died before its first checkpoint leaves this
    start(TINY, tmp_path / "run", lambda _: None)


def test_a_log_that_lost_rows_is_not_filled_up(tmp_path):
    start(dataclasses.replace(TINY, epochs=1), tmp_path / "run", lambda _: None).run()
    log = tmp_path / "run" / "log.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:9])
    with pytest.raises(
        ValueError, match=r"log\.jsonl has 9 bytes, and \d+ belong to the checkpoint"
    ):
        resume(tmp_path / "run", lambda _: None)
    assert log.read_bytes() == whole[:9]


def test_something_else_that_torch_saved_is_no_checkpoint(tmp_path):
    start(TINY, tmp_path / "run", lambda _: None)
    path = tmp_path / "run" / "last.pt"
    state = load_checkpoint(tmp_path / "run")
    for content, message in [
        ({"state_dict": {}}, "not a checkpoint of plateau-face"),
        ([1, 2], "not a checkpoint of plateau-face"),
        (state | {"version": 1}, "version 1, not 3"),
        (state | {"model": {"weight": torch.zeros(2)}}, r"damaged \(Error\(s\) in loading"),
        (state | {"schedule": {}}, r"damaged \('"),
        (state | {"config": 3}, r"damaged \("),
    ]:
        torch.save(content, path)
        with pytest.raises(ValueError, match=rf"last\.pt: {message}"):
            resume(tmp_path / "run", lambda _: None)
    pickle_of_a_list = pickle.dumps([1, 2])
    for damaged in (pickle_of_a_list, pickle_of_a_list[:-1], b"\x80\x02h\x65.", b"e."):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"last\.pt: "):
            load_checkpoint(tmp_path / "run")


def test_a_damaged_checkpoint_is_named(tmp_path):
    start(TINY, tmp_path / "run", lambda _: None)
    whole = (tmp_path / "run" / "last.pt").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no checkpoint"):
        (tmp_path / "run" / "last.pt").write_bytes(content)
        with pytest.raises(ValueError, match=r"last\.pt: damaged, or no checkpoint"):
            resume(tmp_path / "run", lambda _: None)


@contextmanager
def files_of_at_most(size):
    """A limit on the size of files stands for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path):
    trainer = start(TINY, tmp_path / "run", lambda _: None)
    before = (tmp_path / "run" / "last.pt").read_bytes()
    trainer.step = 1
    for size in (100, len(before) // 2, len(before) - 9):
        with (
            files_of_at_most(size),
            pytest.raises(OSError, match="no checkpoint at step 1, the last stays: ") as error,
        ):
            trainer.save()
        assert str(error.value).endswith("last.pt is not written: File too large")
    assert (tmp_path / "run" / "last.pt").read_bytes() == before
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "events.out.tfevents.0.plateau",
        "last.pt",
        "log.jsonl",
    ]


def test_a_full_disk_at_the_start_leaves_no_checkpoint(tmp_path):
    with (
        files_of_at_most(1000),
        pytest.raises(
            OSError, match=r"^no checkpoint at step 0: .*last\.pt is not written: File too"
        ),
    ):
        start(TINY, tmp_path / "run", lambda _: None)
    start(TINY, tmp_path / "run", lambda _: None)  # with room again


def test_a_full_disk_is_named_where_the_log_is(tmp_path):
    trainer = start(TINY, tmp_path / "run", lambda _: None)
    with files_of_at_most(20), pytest.raises(OSError, match=r"log\.jsonl cannot be written"):
        trainer.tell({"loss": 1.0, "lr": 0.1})
    assert (tmp_path / "run" / "log.jsonl").stat().st_size == 20
    before = load_checkpoint(tmp_path / "run")
    resume(tmp_path / "run", lambda _: None)  # the row that was cut is gone
    assert (tmp_path / "run" / "log.jsonl").stat().st_size == before["log_bytes"][0]
