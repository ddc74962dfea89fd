"""Solvers that mark their rows, decimal commas, sentences, sensors: and what must say "unsure"."""

import sqlite3

import pytest
from made_up import STEPS, Case, N, acc, check, clock, each, loss

from plateau.logs.model import NoSeriesError

GUROBI = (
    "    Nodes    |    Current Node    |     Objective Bounds      |     Work\n"
    " Expl Unexpl |  Obj  Depth IntInf | Incumbent    BestBd   Gap | It/Node Time\n\n"
    "     0     0  812.40000    0   31          -  812.40000      -     -    0s\n"
)
CPLEX = (
    "        Nodes                                         Cuts/\n"
    "   Node  Left     Objective  IInf  Best Integer    Best Bound    ItCnt     Gap\n\n"
)
HIGHS = (
    "        Nodes      |    B&B Tree     |            Objective Bounds              |  Dynamic Constraints |       Work      \n"
    "Src  Proc. InQueue |  Leaves   Expl. | BestBound       BestSol              Gap |   Cuts   InLp Confl. | LpIters     Time\n\n"
)  # fmt: skip
SCIP = " time | node  | left  |LP iter| vars |cons |  dualbound   | primalbound  |  gap   \n"
ECOS = "It     pcost       dcost      gap   pres   dres    mu     step   sigma     IR    |   BT\n"


def gurobi(i):
    """Two rows with a mark, without the present node, and one that has all."""
    mark = "*H "[i % 3]
    if mark == " ":
        return f"{7 * i:6d} {3 * i:5d} {900 + i:10.5f} {i % 20:4d} {40 + i % 9:4d} {1000 * loss(i):10.5f} {812 + i:10.5f}  {20 * loss(i):4.1f}%  {11 + i % 4}.{i % 10} {i:4d}s"
    depth = f"{i % 9:3d}" if mark == "*" else "   "
    return f"{mark}{7*i:5d} {3*i:5d}              {depth}    {1000*loss(i):12.7f} {812+i:10.5f}  {20*loss(i):4.1f}%  {11+i%4}.{i%10} {i:4d}s"  # fmt: skip


def cplex(i):
    return f"{9 * (i - 1):7d} {4 * i:5d}    {900 + i:10.4f} {40 + i % 9:5d}   {1000 * loss(i):11.4f}   {812 + i:11.4f} {31 * i + i % 3:8d}  {20 * loss(i):6.2f}%"


def highs(i):
    return f" {' T'[i % 5 == 0]} {9 * i:7d} {3 * i:7d} {4 * i:9d} {min(99.9, i):6.2f}%   {812 + i:<15.9g} {1000 * loss(i):<15.9g} {20 * loss(i):7.2f}% {100 + i:8d} {60 + i:6d} {3 * i:6d} {31 * i:9d} {i * 0.7:7.1f}s"


CASES = {
    "percentile beside errors": Case(each(lambda i: f"2026-11-30 10:00:{i:02d} p99={100*loss(i):.0f}ms errors=0"), "p99", "row"),
    "gurobi with marks": Case(GUROBI + each(gurobi), "Gap", "Expl"),
    "gurobi of heuristics": Case(
        GUROBI + each(lambda i: gurobi(3 * i + 1), range(N)), "Gap", "Expl"),
    "cplex": Case(CPLEX + each(cplex), "Gap", "Node"),
    "highs": Case(HIGHS + each(highs), "Gap", "Proc."),
    "scip": Case(
        SCIP + each(lambda i: f"  {i*.3:4.1f}s|{9*(i-1):6d} |{4*i:6d} |{31*i:6d} |  50 |  30 | {800+i:.6e} | {1000*loss(i):.6e} |{20*loss(i):7.2f}%"),
        "gap", "node"),
    "ecos": Case(
        ECOS + each(lambda i: f"{i-1:2d}  {loss(i):+.3e}  {loss(i)-.3:+.3e}  +{loss(i)/2:.0e}  {loss(i)/10:.0e}  {loss(i)/9:.0e}  {loss(i)/50:.0e}  {acc(i):.4f}  {loss(i)/9:.0e}   {1+i%2}  {1+i%3}  1 |  0  0"),
        "gap", "It"),
    "slsqp": Case(
        "  NIT    FC           OBJFUN            GNORM\n" + each(lambda i: f"{i:5d} {7*i:5d} {100*loss(i):16.6E} {loss(i):16.6E}"),
        "OBJFUN", "NIT"),
    "modularity": Case(each(lambda i: f"pass {i}: modularity {acc(i)*.6:.4f}, communities {1000-10*i}"), "modularity", "pass", mode="max"),
    "name, count, number": Case(each(lambda i: f"valid error {20*i} {loss(i):.4f} best {i%3}"), "valid error", "iteration"),
    "spanish commas": Case(
        each(lambda i: f"Época {i}: pérdida {loss(i):.4f}; exactitud {acc(i):.3f}".replace(".", ",")), "pérdida", "Época"),
    "commas of a culture": Case(
        "PyTorch 2.1\n" + each(lambda i: f"Epoch {i}: Loss={loss(i):.4f} Accuracy={100*acc(i):.2f}%".replace(".", ",")), "Loss", "Epoch"),
    "improved from": Case(each(lambda i: f"Epoch {i}: val_loss improved from {loss(i-1):.5f} to {loss(i):.5f}, saving w_{i}.h5"), "val_loss", "Epoch"),
    "winrate": Case(each(lambda i: f"games {100*i} W {int(100*acc(i))} L {100-int(100*acc(i))} winrate {acc(i):.3f}"), "winrate", "games", mode="max"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reads(read, name):
    check(read, CASES[name])


@pytest.mark.parametrize("name", ["gurobi with marks", "gurobi of heuristics"])
def test_marked_rows_have_the_columns_above_them(read_run, name):
    steps = STEPS if name == "gurobi with marks" else range(1, 3 * N, 3)
    run = read_run(CASES[name].text)
    assert run.values.tolist() == [float(f"{20 * loss(i):.1f}") for i in steps]
    assert run.x.tolist() == [7 * i for i in steps]


@pytest.mark.parametrize("name", ["spanish commas", "commas of a culture"])
def test_decimal_commas_are_read_and_told(read, name):
    log = read(CASES[name].text)
    assert log.runs[0].values.tolist() == [float(f"{loss(i):.4f}") for i in STEPS]
    assert log.warnings == ("numbers have decimal commas: 0,53 is read as 0.53",)


@pytest.mark.parametrize(
    "line",
    [
        "step {s} at [{i},25] loss {v:.4f}",  # a list
        "step {s} loss {v:.4f} seen 12,{i:02d}",  # beside a decimal point
        "10:00:01,{i:03d} step {s} loss {v:.0f}",  # a clock
        "step {s},000 loss {v:.0f}",  # thousands
    ],
)
def test_other_commas_are_none(read, line):
    log = read(each(lambda i: line.format(i=i, s=10 * i, v=loss(i))))
    assert log.runs[0].metric == "loss"
    assert log.warnings == ()


def test_a_rate_behind_an_arrow_is_in_force(read_run):
    drop = {10: "0.1 -> 0.01", 20: "0.01 -> 0.001", 30: "0.001 => 0.0001"}
    told = {i: f"\nReduceLROnPlateau: lr {change}" for i, change in drop.items()}
    run = read_run(each(lambda i: f"epoch {i} loss {loss(i):.4f}{told.get(i, '')}"))
    assert run.lr[[10, 20, 29]].tolist() == [0.01, 0.001, 0.001]


def test_the_count_behind_a_name_is_no_metric(read_run):
    run = read_run(CASES["name, count, number"].text)
    assert run.values.tolist() == [float(f"{loss(i):.4f}") for i in STEPS]
    assert run.x.tolist() == [20 * i for i in STEPS]


def test_times_are_better_than_what_grows_first_and_keys(read, tmp_path):
    text = "timestamp;kWh;V\n" + each(
        lambda i: f"03.02.2031 10:{i:02d}:00;{1234.5 + i * 0.21:.2f};{230 + i % 3}"
    )
    assert [(run.metric, run.x_name) for run in read(text, "m.csv").runs] == [("V", "timestamp")]
    path = tmp_path / "m.sqlite"
    with sqlite3.connect(path) as file:
        file.execute("create table reading(id integer primary key, at text, station text, v real)")
        rows = [(f"2031-02-03 10:{clock(i)}", s, acc(i)) for i in STEPS for s in ("n", "s")]
        file.executemany("insert into reading(at, station, v) values(?,?,?)", rows)
    file.close()
    log = read(path.read_bytes(), "m.sqlite")
    assert [(run.name, run.x_name, run.clock) for run in log.runs] == [
        ("n", "at", True),
        ("s", "at", True),
    ]


def test_a_latitude_is_no_latency(read):
    text = "time,lat,lon,alt\n" + each(
        lambda i: f"{1930000000 + i},{52.5 + i / 1e4},{13.4 - i % 7 / 1e4},{34 + i % 5 + i / 9:.1f}"
    )
    assert [run.metric for run in read(text, "gps.csv").runs] == ["alt"]


JUNK = {
    "rsync": lambda i: f"  {9_000 + i * 7 % 31:,} 100%  {140 + i * 7 % 5:.2f}kB/s    0:00:{i % 60:02d} (xfr#{i})",
    "access log": lambda i: f'10.0.{i%9}.{i} - - [03/Feb/2031:10:{clock(i)} +0000] "GET /a/{i%7} HTTP/1.1" 200 {900+i*7%31} 0.1',
    "device numbers": lambda i: f"[{i*3.7:12.6f}] usb 1-{i%4}: new high-speed USB device number {i} using xhci_hcd",
    "restarts": lambda i: f"I0203 10:{clock(i)}.123456       1 controller.go:{100+i%50}] Syncing pod web-{i%9} restart count {i%3}",
    "build": lambda i: f"[{100*i//N:3d}%] Building CXX object src/CMakeFiles/x.dir/f{i*7%31}.cpp.o",
    "download": lambda i: f"Receiving objects: {100*i//N:3d}% ({17*i}/680), {i*.3:.2f} MiB | {2+i%5/9:.2f} MiB/s",
    "copies": lambda i: f"2031-02-03 10:{clock(i)} copied {i*7%31} files ({i*3%17} GB) to /mnt/b{i%3}",
    "grad norm": lambda i: f"iter {10*i} grad_norm {loss(i):.4f}",
    "polish": lambda i: f"Epoka {i}, strata: {loss(i):.4f}, wynik {acc(i):.4f}",
    "ukrainian": lambda i: f"Епоха {i}: втрати {loss(i):.4f}",
    "lottery": lambda i: f"draw {i}: {i*7%49} {i*11%49} {i*13%49}",
}  # fmt: skip


@pytest.mark.parametrize("name", JUNK)
def test_what_says_nothing_is_refused_or_unsure(read, name):
    try:
        log = read(each(JUNK[name]), equals=True)
    except NoSeriesError:
        return
    assert any(warning.startswith("unsure: ") for warning in log.warnings)
    names = [run.metric for run in log.runs]
    assert len(set(names)) == len(names)
