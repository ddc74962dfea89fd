import pytest

# Programs; without their framework they cannot even be looked at.
collect_ignore_glob = ["*_worker.py"]


class Kept:
    def __init__(self):
        self.sent = []

    def send(self, title, text):
        self.sent.append((title, text))


@pytest.fixture
def kept():
    """A place for alerts."""
    return Kept()
