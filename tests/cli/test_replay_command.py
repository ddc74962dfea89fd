"""`plateau replay`: what it prints, and how far it goes."""

import json
import math

from processes import plateau
from staircase import RULE

FASTFACE = [
    "--detector",
    "haar",
    "--window",
    "4000",
    "--smooth",
    "4000",
    "--threshold",
    "6e-5",
    "--patience",
    "8000",
]


def test_replay_json_is_as_promised(run, log):
    code, out, err = run("replay", log, *RULE, "--format", "json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    head = {"version": 1, "path": str(log), "metric": "loss", "unit": "step"}
    assert {key: document[key] for key in head} == head
    assert list(document) == [*head, "events", "recorded"]
    assert document["recorded"] == [{"x": 5010, "factor": 0.5, "lr": 0.05}]
    assert document["events"][0] | {"x": 0} == {"x": 0, "factor": 0.5, "lr": 0.05}
    _, out, _ = run("replay", log, *RULE, "--format", "jsonl")
    assert [json.loads(line)["kind"] for line in out.splitlines()][-1] == "recorded"


def test_replay_says_how_far_it_can_be_trusted(run, log):
    _, out, _ = run("replay", log, *RULE)
    text = " ".join(out.decode().split())
    assert "A replay is exact only as far as the log's own schedule agrees with it" in text


def test_a_replay_does_not_claim_to_follow_a_schedule_that_moves_all_the_time(run, tmp_path):
    path = tmp_path / "cosine.csv"
    rows = (f"{i},{9 - i / 100},{0.1 * math.cos(i / 1000):.6f}\n" for i in range(1, 600))
    path.write_text("step,loss,lr\n" + "".join(rows))
    _, out, _ = run("replay", path)
    text = " ".join(out.decode().split())
    assert "of less than 10 % not shown" in text
    assert "agrees with it: here up to " in text


def test_replay_takes_one_run(run, tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("step,loss\n" + "".join(f"{i % 50},{50 - i % 50}\n" for i in range(100)))
    code, _, err = run("replay", path)
    assert code == 2
    assert "has 2 runs, choose one with --run: 1, 2" in err
    assert run("replay", path, "--run", "2")[0] == 0


def test_the_published_run_from_the_shell(published_log):
    policy = [
        "--factor",
        "0.5",
        "--max-reductions",
        "1000",
        "--restart-after",
        "3",
        "--restart-factor",
        "4",
    ]
    done = plateau(
        "replay", published_log, *FASTFACE, "--unit", "step", *policy, "--format", "json"
    )
    document = json.loads(done.stdout)
    events, recorded = document["events"], document["recorded"]
    assert len(events) == len(recorded) == 12
    for event, change in zip(events, recorded, strict=True):
        assert event["factor"] == change["factor"]
        assert abs(event["x"] - change["x"]) <= 20
