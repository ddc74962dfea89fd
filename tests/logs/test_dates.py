"""Dates and times as tables write them."""

from datetime import datetime, timedelta

import pytest
from made_up import STEPS, N, loss

from plateau.logs.records.dates import seconds

AT = datetime(2031, 3, 4, 17, 5, 6)

WRITTEN = [
    "2031-03-04 17:05:06", "2031-03-04T17:05:06", "2031/3/4 17:05:06", "04.03.2031 17:05:06",
    "4.3.31 17:05:06", "03/04/2031 17:05:06", "3/4/2031 5:05:06 PM", "03/04/31 05:05:06 p.m.",
    "04-Mar-2031 17:05:06", "4 March 2031 17:05:06", "Mar 4, 2031 17:05:06",
    "Tue, 04 Mar 2031 17:05:06", "Tue Mar  4 17:05:06 2031", "04/Mar/2031:17:05:06",
    "2031-03-04, 17:05:06", "2031-03-04_17:05:06",
]  # fmt: skip


@pytest.mark.parametrize("label", WRITTEN)
def test_a_date_is_read(label):
    assert seconds(label) == AT.timestamp()


@pytest.mark.parametrize(
    ("label", "iso"),
    [
        ("04/Mar/2031:17:05:06 +0200", "2031-03-04T17:05:06+02:00"),
        ("Mar 4, 2031 17:05 UTC", "2031-03-04T17:05:00+00:00"),
        ("4.3.2031 17:05:06,25", "2031-03-04T17:05:06.250"),
        ("12/24/2031 12:30 AM", "2031-12-24T00:30"),
        ("24/12/2031", "2031-12-24"),
    ],
)
def test_zones_parts_and_halves_of_a_day(label, iso):
    assert seconds(label) == datetime.fromisoformat(iso).timestamp()


@pytest.mark.parametrize(
    "label", ["1.10.12", "3-2-11", "10.0.0.7", "1/2/3", "13/13/2031", "Mar 4", "4 Mai"]
)
def test_what_is_no_date(label):
    assert seconds(label) is None


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d-%m-%Y %H:%M"])
@pytest.mark.parametrize("days", [1, 0.2])
def test_the_order_of_day_and_month_is_that_of_the_column(read_run, form, days):
    dates = [datetime(2031, 1, 5) + timedelta(days=days * i) for i in STEPS]
    rows = (f"{at.strftime(form)},{loss(i):.4f}\n" for i, at in zip(STEPS, dates, strict=True))
    run = read_run("when,temperature\n" + "".join(rows), "run.csv")
    assert (run.x_name, run.clock) == ("when", True)
    assert run.x.tolist() == [at.timestamp() // 60 * 60 for at in dates]


@pytest.mark.parametrize(
    "names", ["year,month,day,hour", "YY,MM,DD,hh", "Jahr,Monat,Tag,Stunde", "year,month,day"]
)
def test_the_parts_of_a_date_are_one(read_run, names):
    parts = names.count(",") + 1
    dates = [
        datetime(2031, 1, 5) + timedelta(hours=24 // (1 + 23 * (parts > 3)) * i) for i in STEPS
    ]
    rows = (
        ",".join(map(str, [at.year, at.month, at.day, at.hour][:parts])) + f",{loss(i):.4f}\n"
        for i, at in zip(STEPS, dates, strict=True)
    )
    run = read_run(f"{names},temperature\n" + "".join(rows), "run.csv")
    assert (run.metric, run.x_name, run.clock) == (
        "temperature",
        "-".join(names.split(",")[:3]),
        True,
    )
    assert run.x.tolist() == [at.timestamp() for at in dates]


@pytest.mark.parametrize(("month", "day"), [(13, "day"), (1.5, "day"), (1, "day of week")])
def test_parts_of_no_date_stay_as_they_are(read_run, month, day):
    rows = "".join(f"{2000 + i},{month},1,{loss(i)}\n" for i in STEPS)
    assert read_run(f"year,month,{day},loss\n{rows}", "run.csv").x_name == "year"


def test_times_of_a_day_count_on_after_midnight(read_run):
    rows = (f"{(22 + i // 6) % 24:02d}:{i % 6}5:00,{loss(i):.4f}\n" for i in STEPS)
    run = read_run("time,temperature\n" + "".join(rows), "run.csv")
    assert (run.x_name, len(run.x)) == ("time", N)
    assert set(run.x[1:] - run.x[:-1]) == {600.0}
