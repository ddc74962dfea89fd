"""What names mean beside others, and names that stand in unusual places: each kind three times."""

import pytest
from made_up import STEPS, Case, N, acc, check, clock, each, loss

from plateau.logs.records.dates import seconds


def table(names, row, mark=","):
    return mark.join(names) + "\n" + each(lambda i: mark.join(map(str, row(i))))


def temperatures(i):
    return f"{20 + i}.5: mcu: load=0.{i % 7} sent={70 * i} pool: target={60 if i > 3 else 0} temp={60 - 9 * loss(i):.1f} pwm=0.{i % 9} nozzle: target=200 temp={200 - 9 * loss(i):.1f} pwm=0.{i % 4}"


LABELLED = "SIM DYN: Step Time TOTal KINetic ENERgy\nSIM PROP: RMSgrad HFC VIRKe\nSIM PART: BONds ANGles WALls\n --- --- ---\n"


def labelled(i):
    return f"SIM> {10 * i} {i / 9:.3f} {-9 * acc(i) + 3:.4f} {3 + i % 7} {-9 * acc(i):.4f}\nSIM PROP> {i % 5}.2 {i % 3}.4 {i % 4}.1\nSIM PART> {i % 5}.6 {i % 7}.3 {i % 6}.9\n --- --- ---"


def batches(names, rule, row):
    """A table with a rule of pieces below the names, whose first rows lack the last cells."""
    lines = (row(i).ljust(60)[: 30 if i < 5 else 60].rstrip() for i in STEPS)
    return f"{names}\n{rule}\n" + "\n".join(lines) + "\n"


def spread(i):
    return f"{1.1 + loss(i) / 50:.5f} +/- {0.01 / i:.5f}"


AGENT = ["steps", "episodes", "elapsed", "mean", "median", "stdev", "max", "min", "average_loss"]

CASES = {
    # An agent's return has no name.
    "scores of an agent": Case(table(AGENT, lambda i: (100 * i, 7 * i, 1.7 * i, 90 * acc(i), 88 * acc(i), 9 + i % 5, 120 * acc(i), 40 * acc(i), loss(i)), "\t"), "mean", "steps", mode="max", name="scores.txt"),
    "a mean of episodes": Case(table(["episode", "avg", "std", "min", "max", "value_loss"], lambda i: (i, 90 * acc(i), 9 + i % 5, 40 * acc(i), 120 * acc(i), loss(i))), "avg", "episode", mode="max", name="a.csv"),
    "a letter of an agent": Case(each(lambda i: f"out:runs/x step:{27 * i} episode:{i} R:{200 * acc(i):.1f}\nstatistics:[('average_q', {acc(i):.4f}), ('average_loss', {loss(i):.4f}), ('n_updates', {i})]"), "R", "step", mode="max"),
    # An evidence beside a likelihood.
    "an evidence of a letter": Case("".join(f"\rZ={-900 * loss(i):.1f}({acc(i):.2f}%) | Like={-1000 * loss(i):.2f}..{-12.3 + i * 0.01:.2f} | it/evals={80 * i}/{300 * i} eff={30 / i:.4f}% N=400 " for i in STEPS), "Z", "it", mode="max"),
    "an evidence in a table": Case(table(["iteration", "nlive", "z", "lnL"], lambda i: (10 * i, 400 + i % 3, -90 * loss(i), -80 * loss(i))), "lnL", "iteration", mode="max", name="a.csv"),
    "a likelihood in short": Case(each(lambda i: f"chain 0 sample {10 * i} like {-90 * loss(i):.3f} width 0.{i % 7}"), "like", "sample", mode="max"),
    # What a program averages.
    "an average beside a letter": Case(batches("  Bat./Gen.      k            Average k", "  =========   ========   ====================", lambda i: f"{i:>9}/1   {1.1 + loss(i) / 40:8.5f}   {spread(i)}"), "k", "Bat./Gen.", mode="both"),
    "pieces of a rule": Case(batches("     Cycle     Residual    Mean flow", "    ======   ==========    =====================", lambda i: f"{i:10}   {loss(i):10.5f}    {spread(i)}"), "Residual", "Cycle"),
    "an average in a table": Case(table(["batch", "q", "mean q"], lambda i: (i, loss(i), loss(i) + 0.1)), "q", "batch", mode="both", name="a.csv"),
    "a mean between extremes": Case(each(lambda i: f"rate + {700 + i * 7 % 50} in 00:00:30 Avg: {int(100 * loss(i))} Min: {12 + i % 3} Max: {900 + i * 7 % 90} Err: {i % 3}"), "Avg", "row", mode="both"),
    "learning beside a test": Case(each(lambda i: f"{100 * i}:\tlearn: {loss(i):.7f}\ttest: {loss(i) + 0.1:.7f}\tbest: {loss(i) + 0.1:.7f} ({100 * i})\ttotal: {i}.2s"), "learn", "iteration", mode="both"),
    # Parts of each step, and sums of all so far.
    "parts of each step": Case(each(lambda i: f"*** CYCLE ITER # {i:4d} ***\n etot  = {-7.9 * acc(i):.6E} abs_ev   =  {loss(i):.2E}\n#  State  Eigenvalue  Occupation    Error\n      1     -0.2{i % 9}55    2.000   ({loss(i) / 9:.1E})\n      2     -0.1{i % 7}15    2.000   ({loss(i) / 8:.1E})\n"), "etot", "CYCLE ITER", mode="both"),
    "channels of each step": Case(each(lambda i: f"step {i} total energy {-3 * acc(i):.4f}\n" + "".join(f"  channel {k} error {loss(i) / k:.4f}\n" for k in (1, 2, 3))), "total energy", "step", mode="both"),
    "a score that adds up": Case(each(lambda i: f"Score of A vs B: {i // 2} - {i // 4} - {i - i // 2 - i // 4}  [{acc(i) / 2 + 0.2:.3f}] {i}\nElo difference: {100 * acc(i):.1f} +/- {200 / i:.1f}, LOS: {90 * acc(i):.1f} %"), "Elo difference", "row", mode="max"),
    "a level before a counter": Case(each(lambda i: f"2031-05-06 10:{clock(i)},123 [INFO] {10 * i}, train_loss={loss(i):.4f}, test_loss={loss(i) + 0.02:.4f}, time {3.2 * i:.2f}s"), "train_loss", "iteration"),
    # Prices and bills.
    "prices of days": Case(table(["Date", "Open", "High", "Low", "Close", "Volume"], lambda i: (f"2031-03-{1 + i % 28:02d}" if i < 29 else f"2031-04-{i - 28:02d}", 9 + loss(i), 11 + loss(i), 8 + loss(i), 10 + loss(i), 1000 + i * 37 % 101)), "Close", "Date", mode="both", name="a.csv"),
    "prices of minutes": Case(table(["timestamp", "low", "high", "open", "close"], lambda i: (f"2031-03-04 05:{i:02d}:00", 8 + loss(i), 11 + loss(i), 9 + loss(i), 10 + loss(i))), "close", "timestamp", mode="both", name="a.csv"),
    "a bill of what was used": Case(table(["date", "usage", "cost"], lambda i: (f"2031-03-04 05:{i:02d}", 3 + i * 7 % 5, loss(i))), "usage", "date", mode="both", name="a.csv"),
    # Targets are set.
    "targets of temperatures": Case(each(temperatures), "temp", "iteration", mode="both"),
    "a target behind its temperature": Case(each(lambda i: f"[{i}] oven temperature={200 - 9 * loss(i):.1f} target={200 if i > 3 else 20} duty={i % 7}"), "oven temperature", "iteration", mode="both"),
    "a target column": Case(table(["time", "target", "temp", "fan"], lambda i: (i / 2, 60 + i // 20, 60 - loss(i), i % 3)), "temp", "time", mode="both", name="a.csv"),
    # The error of a forest.
    "trees of a forest": Case("ntree      OOB      1      2      3\n" + each(lambda i: f"{10 * i:5d}: {10 * loss(i):6.2f}% {2 * loss(i):5.2f}% {11 * loss(i):5.2f}% {9 * loss(i):5.2f}%"), "OOB", "ntree"),
    "trees of a forest, tested": Case("ntree      OOB      1      2|    Test      1      2\n" + each(lambda i: f"{10 * i:5d}: {10 * loss(i):6.2f}% {2 * loss(i):5.2f}% {11 * loss(i):5.2f}%|{12 * loss(i):6.2f}% {5 * loss(i):5.2f}% {9 * loss(i):5.2f}%"), "OOB", "ntree"),
    "errors of numbered things": Case("iter  error  1  2  3  4\n" + each(lambda i: f"{i:4d}: {loss(i):.4f} 0.{i % 7} 0.{i % 5} 0.{i % 3} 0.{i % 4}"), "error", "iter"),
    # Windows, headings, labels.
    "speeds over windows": Case(each(lambda i: f"[2031-02-03 10:{clock(i)}.{i * 37 % 1000:03d}]  miner    speed 10s/60s/15m {1000 * acc(i):.1f} {990 * acc(i):.1f} {'n/a' if i < 16 else format(980 * acc(i), '.1f')} H/s max {1000 * acc(i) + 5:.1f} H/s"), "speed 10s H/s", "row", mode="max"),
    "loads over windows": Case(each(lambda i: f"node7 queue 1m/5m/15m: {loss(i):.2f} {loss(i) + 1:.2f} {loss(i) + 2:.2f} jobs"), "queue 1m", "row", mode="both"),
    "rates over windows": Case(each(lambda i: f"worker 3 | rate 5s/30s/2m {900 * acc(i):.0f} n/a n/a req/s | queue {i % 5}"), "rate 5s req/s", "row", mode="max"),
    "rows with labels": Case(LABELLED + each(labelled), "ENERgy", "Step", mode="both"),
    "rows with labels of one header": Case("RUN HEAD: step error width\n" + each(lambda i: f"RUN> {i} {loss(i):.4f} {i % 7}"), "error", "step"),
    "rows with numbered labels": Case("  Convergence:   change |  density  | Etot (eV) |   time\n" + each(lambda i: f"  SCF {i:4d} :  {loss(i) / 9:.2E} |  {loss(i) / 7:.2E} | {-3 * acc(i):.5f} |  {i % 3}.3 s"), "Etot (eV)", "SCF", mode="both"),
    "words for cells": Case("     CYCLE    TIME      ELEMENT          ERROR  ENERGY\n" + each(lambda i: f"  {100 * i:8d}  {0.0143 * i:.4E}  {['SHELL', 'NODE ', 'SOLID'][i % 3]} {1200 + i * 7 % 5:6d}   {9 * loss(i):5.1f}%  {1000 * acc(i):.4E}"), "ERROR", "CYCLE"),
    "a method for a cell": Case("  Pass   Method     Residual      Norm\n" + each(lambda i: f"  {i:4d}   {['newton', 'picard'][i * 7 % 5 % 2]}   {loss(i):10.4e}   {3 + i % 7:8.3f}"), "Residual", "Pass"),
    "a state for a cell": Case("Trial | state | cost | size\n" + each(lambda i: f"{i:5d} | {['done', 'pruned', 'late'][i * 5 % 3]} | {loss(i):.4f} | {i % 4:4d}"), "cost", "Trial"),
    # Names in unusual places.
    "a path before a name": Case(each(lambda i: f"log=a/b.txt cost={loss(i):.4f} n={i}"), "cost", "n"),
    "a product in parentheses": Case(each(lambda i: f"   Iteration : {i:3d}  (B r, r) = {loss(i):.6g}"), "(B r, r)", "Iteration"),
    "what stands behind an average": Case(each(lambda i: f"[RUN {i}, 30 secs] {12000 * i} ops, {int(13000 * acc(i))} (avg: {int(12500 * acc(i))}) ops/sec, {loss(i):.2f} (avg: {loss(i) + 0.1:.2f}) msec latency"), "ops/sec", "RUN", mode="max"),
    # What a program holds is a load.
    "megabytes": Case(table(["Elapsed time", "CPU (%)", "Virtual (MB)"], lambda i: (i / 2, 90 * acc(i), 800 + i % 9)), "CPU (%)", "Elapsed time", mode="both", name="a.csv"),
    "bytes in a name": Case(table(["step", "rss_mb", "strain"], lambda i: (i, 800 + i % 9, loss(i))), "strain", "step", mode="both", name="a.csv"),
    "a ratio of evidences": Case("".join(f"\r{100 * i}it [00:{i:02d}, 98.{i % 9}it/s, bound:{i} nc:  {1 + i % 7} logz-ratio={-90 * loss(i):.2f}+/-0.{10 + i % 5} dlogz:{30 * loss(i):.3f}>0.1]" for i in STEPS), "logz-ratio", "iteration", mode="max"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reads(read, name):
    check(read, CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if "product" not in name])
def test_a_person_is_sure(read, name):
    warnings = read(CASES[name].text, CASES[name].name).warnings
    assert not any("unsure" in warning for warning in warnings) or name in UNKNOWN


UNKNOWN = {"loads over windows"}


def hours(i):
    return f"2031-03-0{1 + i // 24}", f"{i % 24:02d}"


METERS = {
    "pairs above": (
        'Name,JANE DOE\nAddress,"12 MAIN ST, SOME TOWN"\nAccount Number,1234567\n\nTYPE,DATE,START TIME,END TIME,USAGE,UNITS,COST,NOTES\n',
        lambda i, v: f"Electric usage,{hours(i)[0]},{hours(i)[1]}:00,{hours(i)[1]}:59,{v},kWh,${v / 9:.2f},\n",
        ("USAGE", "DATE START TIME"),
    ),
    "numbers above": (
        "latitude,longitude,elevation,timezone\n52.5,13.4,38,GMT\n\ntime,temperature (C)\n",
        lambda i, v: f"{hours(i)[0]}T{hours(i)[1]}:00,{v}\n",
        ("temperature (C)", "time"),
    ),
    "spans of time": (
        'Detailed Usage\n"Start date: 2031-03-01"\n\nperiod,Consumption(kWh),quality\n',
        lambda i, v: f'"{hours(i)[0]} {hours(i)[1]}:00:00 to {hours(i)[0]} {hours(i)[1]}:59:00",{v},\n',
        ("Consumption(kWh)", "period"),
    ),
    "names again each day": (
        'Summary\n"Usage"\n\n',
        lambda i, v: (
            ('"Data of the day"\nwhen,power,note\n' if i % 24 in {0, 1} and i != 1 else "")
            + f"{hours(i)[0]} {hours(i)[1]}:00,{v},\n"
        ),
        ("power", "when"),
    ),
    "prices in money": (
        "Date,Time,Price\n",
        lambda i, v: f"{hours(i)[0]},{hours(i)[1]}:00,€{v}\n",
        ("Price", "Date Time"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", METERS)
def test_a_meter_of_hours(read_run, kind):
    above, line, names = METERS[kind]
    values = [round(1 + loss(1 + i) + i * 5 % 7, 2) for i in range(48)]
    run = read_run(above + "".join(line(i, v) for i, v in enumerate(values)), "usage.csv")
    assert (run.metric, run.x_name) == names
    assert run.values.tolist() == values
    assert run.clock
    assert run.x.tolist() == [seconds(f"{hours(i)[0]} {hours(i)[1]}:00") for i in range(48)]


def test_even_times_in_any_order_are_one_run(read_run):
    rows = [(f"2031-03-04 05:{7 * i % N:02d}", loss(7 * i % N)) for i in range(N)]
    run = read_run("when,temp\n" + "".join(f"{at},{v}\n" for at, v in rows), "a.csv")
    assert (run.x_name, run.values.tolist()) == ("when", [loss(i) for i in range(N)])


def test_two_measurements_are_unsure_and_one_is_not(read):
    one = table(["time", "voltage", "wobble"], lambda i: (i / 2, loss(i), acc(i)))
    two = table(["time", "voltage", "pressure"], lambda i: (i / 2, loss(i), acc(i)))
    assert read(one, "a.csv").warnings == ()
    assert read(two, "a.csv").warnings[0].startswith("unsure: ")
