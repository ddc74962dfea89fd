import pytest

pytest.importorskip("torch", reason="the trainer needs plateau-detect[face]")
