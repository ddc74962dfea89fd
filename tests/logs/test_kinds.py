"""What is in the files that people have, kind by kind: what is chosen, and what is not."""

import pytest
from made_up import STEPS, Case, check, loss

CLOCKS = [
    "2031-02-01 11:{m:02d}:07.{f:06d}: ",
    "2031-02-01 11:{m:02d}:07,{f:06d} : ",
    "2031-02-01_11:{m:02d}:07.{f:06d}: ",
    "11:{m:02d}:07:{f:03d} ",
    "11:{m:02d}:07.{f:03d}: ",
    "2031-02-01T11:{m:02d}:07.{f:06d}+00:00: ",
    "20310201T11{m:02d}07.{f:03d} ",
    "[01/Feb/2031:11:{m:02d}:07 +0000] ",
    "[19274076{m:02d}.{f:03d}] ",
    "2031/02/01 11:{m:02d}:07.{f:06d}: W tensorflow/core/run.cc:{f}] ",
    "2031-02-01 11:{m:02d}:07.{f:03d} | INFO | trainer:run:{f} - ",
]


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_clock_is_no_part_of_a_line(read, clock):
    text = ""
    for i in STEPS:
        at = clock.format(m=i, f=100 + i * 7919 % 900)
        text += f"{at}epoch {i}\n"
        text += f"{at}train loss : {loss(i):.4f}\n{at}This epoch took {100 + i % 3} s\n"
    check(read, Case(text, "train loss", "epoch"))
