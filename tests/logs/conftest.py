import pytest

from plateau.logs import read_log


@pytest.fixture
def write(tmp_path):
    """Write a log of this text or these bytes, and give its path."""

    def write(content, name="run.log"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def read(write):
    """Read a log of this text or these bytes."""

    def read(content, name="run.log", **options):
        return read_log(write(content, name), **options)

    return read


@pytest.fixture
def read_run(read):
    """Read a log that holds one run."""

    def read_run(content, name="run.log", **options):
        (run,) = read(content, name, **options).runs
        return run

    return read_run


@pytest.fixture(scope="session")
def real_logs(shared_data):
    """Folder of the real logs, which are not part of this repository."""
    return shared_data / "logs"
