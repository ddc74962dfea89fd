"""What messages say, and what is said of them."""

import json
import math

import pytest

from plateau import Haar, ThresholdDetector
from plateau_streams import Fields, MessageError, record
from plateau_streams.messages import Complaints


@pytest.mark.parametrize(
    ("fields", "key", "value", "found"),
    [
        (Fields(), b"a", b"1.5", ("a", 1.5)),
        (Fields(value="v"), b"a", b'{"v": 2}', ("a", 2.0)),
        (Fields(value="v"), b"a", b'{"v": "2e3"}', ("a", 2000.0)),
        (Fields("host", "v"), None, b'{"host": 7, "v": -1}', ("7", -1.0)),
        (Fields("host"), b"other", b'{"host": "b", "value": Infinity}', ("b", math.inf)),
        (Fields(value="v"), b"\xff", b'{"v": 1}', ("\\xff", 1.0)),
        (Fields("host", "v"), None, b'{"host": "a\\ud800", "v": 1}', ("a\\ud800", 1.0)),
        (Fields(value="v"), "a", '{"v": 1' + "0" * 400 + "}", ("a", math.inf)),
    ],
)
def test_key_and_sample_are_found(fields, key, value, found):
    assert fields.read(key, value) == found


@pytest.mark.parametrize(
    ("fields", "key", "value", "problem"),
    [
        (Fields(), b"a", b"warm", "has a value that is no number"),
        (Fields(), b"a", None, "has a value that is no number"),
        (Fields(), None, b"1", "has no key"),
        (Fields(value="v"), b"a", b"{", "is no JSON"),
        (Fields(value="v"), b"a", b"[" * 100_000, "is no JSON"),
        (Fields(value="v"), b"a", b"[1]", "is no JSON object"),
        (Fields(value="v"), b"a", b'{"w": 1}', "has no v"),
        (Fields(value="v"), b"", b'{"v": 1}', "has no key"),
        (Fields("host", "v"), b"a", b'{"v": 1}', "has no host"),
        (Fields("host", "v"), b"a", b'{"v": 1, "host": [["a"]]}', "has no host"),
        (Fields(value="v"), b"a", b'{"v": true}', "has a v that is no number"),
        (Fields(value="v"), b"a", b'{"v": null}', "has a v that is no number"),
    ],
)
def test_what_is_missing_is_named(fields, key, value, problem):
    with pytest.raises(MessageError) as caught:
        fields.read(key, value)
    assert str(caught.value) == problem


def test_an_event_is_plain_data():
    detector = ThresholdDetector(Haar(2), 0.1, 3)
    found = [record("a", event) for event in detector.events([math.nan] + [3.0] * 7)]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [(each["index"], each["event"], each["onset"]) for each in found] == [
        (0, "nonfinite", None),
        (5, "plateau", 1),
    ]
    assert found[0]["level"] is None


def test_many_messages_alike_are_few_lines():
    lines = []
    complain = Complaints(lines.append)
    for i in range(250):
        complain(f"metrics 0:{i}", "has no key")
    complain("metrics 0:250", "is no JSON")
    assert lines == [
        "message metrics 0:0 has no key and is left out",
        "message metrics 0:9 has no key and is left out (10 so far)",
        "message metrics 0:99 has no key and is left out (100 so far)",
        "message metrics 0:250 is no JSON and is left out",
    ]
