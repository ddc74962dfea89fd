import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

# Read where torch is imported, later than this file. Networks of tests are so small that threads
# would only wait for each other, and so would the processes of `pytest -n`.
os.environ["OMP_NUM_THREADS"] = "1"

settings.register_profile("dev", deadline=None, max_examples=60)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=150,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("quick", deadline=None, max_examples=10, derandomize=True)
# Only whether a test fails is asked, not of which smallest example.
settings.register_profile(
    "mutants", settings.get_profile("quick"), phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture
def run(monkeypatch, capfdbinary):
    """Run the command line in this process: (exit code, stdout, stderr)."""
    from plateau import cli  # the core's tests run where nothing of it is installed

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["plateau", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capfdbinary.readouterr()
        return stopped.value.code, out, err.decode()

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real logs and series that are not part of the project; PLATEAU_DATA says where they lie."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("PLATEAU_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set PLATEAU_DATA)")
    return folder


@pytest.fixture(scope="session")
def published_log(shared_data) -> Path:
    """The paper's own training log."""
    return shared_data / "logs" / "fastface-ms1mv3" / "ms1mv3_epoch5_r100.txt.gz"
