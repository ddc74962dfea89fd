"""What else is in the logs of people: each row is the kind of a rule, in numbers of its own."""

import pytest
from made_up import STEPS, Case, N, acc, check, each, loss, rate

from plateau.logs.model import NoSeriesError


def inner(line, outer="", blocks=10, rows=5):
    """Blocks of rows whose inner counter starts again."""
    return "".join(
        outer.format(b=b)
        + "".join(line.format(b=b, k=k, v=loss(4 * b + k / 5)) for k in range(rows))
        for b in range(1, blocks + 1)
    )


SOLVER = " Expl Unexpl |  Obj  Depth IntInf | Incumbent    BestBd   Gap | It/Node Time\n\n"

CASES = {
    # A header is no header of a line that names its own numbers.
    "words above named numbers": Case("Using Some Library backend.\n" + each(lambda i: f"{i} [D loss: {loss(i):.4f}, acc.: {100 * acc(i):.2f}%] [G loss: {acc(i):.4f}]"), "D loss", "iteration"),
    "words above pairs": Case("all modules loaded\n" + each(lambda i: f"{i} loss={loss(i):.4f} acc={acc(i):.4f}"), "loss", "iteration"),
    "a percent sign is a name": Case("Counting words (limit=0)\n\nItn  NER Loss   NER P   Token %  CPU WPS\n---  ---------  ------  -------  -------\n" + each(lambda i: f"{i:3d}  {900 * loss(i):9.3f}  {100 * acc(i):6.3f}  100.000   {20000 + i * 37 % 90}"), "NER Loss", "Itn"),
    "a percent sign between bars": Case("step | done % | residual\n" + each(lambda i: f"{i:4d} | {i * 2.5:6.1f} | {loss(i):.4e}"), "residual", "step"),
    "remarks behind the last number": Case("    Iter      log prob        ||dx||      ||grad||       alpha      alpha0  # evals  Notes \n" + each(lambda i: f"    {i:4d}  {-100 * loss(i):12.6g}  {loss(i):10.4g}  {loss(i) / 3:10.4g}  {1 + i % 3:10.4g}  {1:10.4g}  {i + i % 4:8d}   "), "log prob", "Iter", mode="max"),
    "a comment behind the last number": Case("  it   cost   step   Comment on it\n" + each(lambda i: f"{i:4d} {loss(i):.4f} 0.{500 + i % 7}"), "cost", "it"),
    "words before the numbers of a row": Case("   convergence    iter        energy       DeltaE   RMS-Dens  Diis-err\n ---------------- ----- ----------------- --------- --------- ---------\n" + each(lambda i: f" d= 0,ls=0.0,diis {i:5d}   {-76 * acc(i):.10f} {-loss(i):9.2E} {loss(i) / 9:9.2E} {loss(i) / 7:9.2E}"), "energy", "iter", mode="both"),
    "a remark before the numbers of a row": Case("   kind of step    iter      cost     gap\n" + each(lambda i: f" a cut or two  {i:5d}   {loss(i):.4f}  {acc(i):.4f}"), "cost", "iter"),
    "two headers with a row between": Case(each(lambda i: f"   Step   Time\n   {100 * i}   {i / 5:.5f}\n\n  Bond   Angle   Restr.   Potential\n 1.{i} 2.{i} 3.{i} {-acc(i):.5f}\n  Kinetic   Total Energy   Conserved   Temperature\n 2.{i} {-2 * acc(i):.5f} 7.{i} 3.{i}\n"), "Total Energy", "Step", mode="both"),
    "words for a number": Case(SOLVER + each(lambda i: f"{7 * i:6d} {3 * i:5d} {'    cutoff' if i % 4 == 0 else f'{900 + i:10.5f}'} {i % 20:4d} {40 + i % 9:4d} {1000 * loss(i):10.5f} {812 + i:10.5f}  {20 * loss(i):4.1f}%  {11 + i % 4}.{i % 10} {i:4d}s"), "Gap", "Expl"),
    "words and marks": Case(SOLVER + each(lambda i: f"*{7 * i:5d} {3 * i:5d}              {i % 9:3d}    {1000 * loss(i):12.7f} {812 + i:10.5f}  {20 * loss(i):4.1f}%  {11 + i % 4}.{i % 10} {i:4d}s" if i % 5 == 0 else f"{7 * i:6d} {3 * i:5d} {'infeasible' if i % 3 == 0 else f'{900 + i:10.5f}'} {i % 20:4d} {40 + i % 9:4d} {1000 * loss(i):10.5f} {812 + i:10.5f}  {20 * loss(i):4.1f}%  {11 + i % 4}.{i % 10} {i:4d}s"), "Gap", "Expl"),
    # Endings that are hardly ever the same.
    "few lines of an ending": Case(" iter    objective    inf_pr   alpha\n" + each(lambda i: f"{i:5d} {loss(i):.7e} {acc(i):.2e} {0.1 + i % 7 / 10:.2e}{'fhHFwWrR'[i % 8 if i > 33 else i % 2]}  {1 + i % 3}"), "objective", "iter"),
    # Counters.
    "folds are runs": Case("".join(f"Fold: {k}, Epoch: {e:02d}, Loss: {loss(e):.4f}, Valid: {acc(e):.4f}\n" for k in (1,) for e in STEPS), "Loss", "Epoch"),
    "rounds of epochs": Case(inner("| Global Round : {b} | Local Epoch : {k} | Loss: {v:.6f}\n"), "Loss", "Global Round, Local Epoch", 50),
    "rounds of steps": Case(inner("generation {b} step {k} cost {v:.4f}\n"), "cost", "generation, step", 50),
    "a time step": Case(inner(" {k} |R| = {v:.3f}e-0{k}\n", "Time Step {b}, time = 0.{b}\n"), "|R|", "Time Step, iteration", 50),
    "a time step of its own": Case(each(lambda i: f"time step {i}: residual {loss(i):.4e}"), "residual", "time step"),
    "solvers in solvers": Case(inner("    {k} KSP Residual norm {v:.6e}\n", "  {b} SNES Function norm 1.{b}e+00\n"), "SNES Function norm", "iteration", 10),
    "two counters in a box": Case("".join(f"[{e}, {b:5d}] loss: {loss(3 * e + b / 5000):.3f}\n" for e in range(1, 9) for b in range(2000, 12000, 2000)) + "Finished Training\n", "loss", "epoch, iteration", 40),
    "two counters in a box, then two numbers": Case("".join(f"[{e},{b}] loss_a {loss(3 * e + b / 50):.3f} loss_b 0.{600 + b}\n" for e in range(8) for b in range(0, 50, 10)), "loss_a", "epoch, iteration", 40),
    "an inner counter in parentheses": Case("".join(f"------ Iteration {s:6d}({k:4d})  ------\n  free energy    TOTEN  =      {-10 - loss(4 * s + k):.6f} eV\n" for s in range(1, 11) for k in range(1, 6)), "TOTEN", "Iteration, iteration", 50, mode="both"),
    "losses of a generator": Case(each(lambda i: f"step: {i}\n | > loss_gen: {acc(i):.4f}  ({acc(i):.4f})\n | > loss_mel: {loss(i):.4f}  ({loss(i) + 0.1:.4f})\n"), "loss_mel", "step"),
    "glued counters": Case("".join(f"Train|Epoch{e}/300|Iter{10 * e + b}({b}/10)| mem:3.5G| lr:{0.1:.2e}| loss_box:{loss(e + b / 10):.4f}| \n" for e in range(1, 10) for b in range(0, 10, 2)), "loss_box", "Iter", 45, lr="lr"),
    "glued epochs": Case(each(lambda i: f"epoch{i} loss:{loss(i):.5f} acc:{acc(i):.3f}"), "loss", "epoch"),
    "a counter in several shapes": Case(each(lambda i: f"{{1679}} INFO - iteration {i}, current learner {['rf', 'xgb', 'svm'][i % 3]}\n at {i}.5s, learner {['rf', 'xgb', 'svm'][i % 3]}'s best error={loss(i) + 1:.4f},\tbest error={loss(i):.4f}"), "best error", "iteration"),
    # Names.
    "the best alone": Case(each(lambda i: f"[12:00:{i:02d}] trial {i}: best error so far {loss(i):.4f}"), "best error so far", "trial"),
    "a norm of residuals": Case(each(lambda i: f"step {i} residual norm {loss(i):.4e} iterations 7"), "residual norm", "step"),
    "an objective in short": Case(each(lambda i: f"*{100 * i:6d}: obj = {5000 * loss(i):17.9e} inf = {acc(i):11.3e} ({i % 3})"), "obj", "iteration"),
    "letters of an energy": Case(each(lambda i: f"{i:5d} F= {-9 * acc(i):.6E} E0= {-9 * acc(i):.6E} rms {loss(i):.3f}"), "E0", "iteration", mode="both"),
    "an epsilon": Case(each(lambda i: f"episode: {i}/40, score: {int(200 * acc(i))}, e: {loss(i):.2f}"), "score", "episode", mode="max"),
    "correlations": Case("epoch,steps,cosine_pearson,cosine_spearman\n" + "".join(f"{e},{s},{acc(e + s / 9e3)},{acc(e) + 0.01}\n" for e in range(14) for s in (500, 1000, -1)), "cosine_pearson", "epoch", 42, mode="max"),
    "residuals of a letter": Case(each(lambda i: f"  Newton iteration {i}: r (abs) = {10 ** (-i / 9):.3e} (tol = 1.000e-10) r (rel) = {10 ** (-i / 9):.3e} (tol = 1.000e-09)"), "r (abs)", "Newton iteration"),
    "what took how long": Case(each(lambda i: f"       time_total:  {loss(i):.6f}s\n ---"), "time_total", "row"),
    "samples in parentheses": Case(each(lambda i: f"min: 0, max: {i % 5}, avg: {loss(i):.2f} ({1000 * i} samples)"), "avg", "samples", mode="both"),
    "a pace in parentheses": Case(each(lambda i: f"proc'd: {100 * i} ({3900 + i * 7 % 31} Gflop/s)   temps: {50 + i % 3} C"), "Gflop/s", "proc'd", mode="max"),
    # Times and units.
    "pings of Germany": Case(each(lambda i: f"Antwort von 10.0.0.1: Bytes=32 Zeit={14 + i * 7 % 5}ms TTL=248"), "Zeit", "row"),
    "pings of Spain": Case(each(lambda i: f"Respuesta desde 10.0.0.1: bytes=32 tiempo={14 + i * 7 % 5}ms TTL=248"), "tiempo", "row"),
    "pings of China": Case(each(lambda i: f"来自 10.0.0.1 的回复: 字节=32 时间={14 + i * 7 % 5}ms TTL=248"), "时间", "row"),
    "a time over its unit": Case("mode\ttime/s\tEwe/V\n" + each(lambda i: f"2\t{i * 0.7:.6E}\t{loss(i):.6E}"), "Ewe/V", "time/s", mode="both"),
    "units at the end": Case("#     Step Nr.          Time[fs]        Pot.[a.u.]        UsedTime[s]\n" + each(lambda i: f"{i:10d} {0.5 * i:20.6f} {-acc(i):20.9f} {5 + i % 3:20.9f}"), "Pot.[a.u.]", "Step Nr.", mode="both", name="job.ener"),
    "names behind a percent sign": Case("%time,seq,frame_id,x.value\n" + each(lambda i: f"{1930000000000000000 + i * 10**7},{100 + i},imu,{loss(i)}"), "x.value", "seq", mode="both", name="bag.csv"),
    "titles above a table": Case("\ufeffMeasurement No. 12;;\r\nBy: A. Smith;;\r\n;;\r\nTime [s];Pressure [bar];Note\r\n" + "".join(f"{i / 2:.1f};{loss(i):.3f};\r\n".replace(".", ",") for i in STEPS), "Pressure [bar]", "Time [s]", mode="both", name="a.csv"),
    "pairs above a table": Case("Model,X-12\nFirmware Version,1.30\n\nPoint Format,Y\nSample Interval,4e-09\n\nTIME,CH1\n" + each(lambda i: f"{4e-9 * i:.6e},{loss(i):.5f}"), "CH1", "TIME", mode="both", name="a.csv"),
    "a row about the machine": Case("os,cpu,gpu,ram\nLinux,R7,G30,32000\nfps,frametime,load,temp,elapsed\n" + each(lambda i: f"{60 + i * 7 % 5},{16 + i * 7 % 3},{30 + i % 7},{60 + i % 3},{1660 * i}"), "fps", "elapsed", mode="max", name="a.csv"),
    "units below the names": Case("agency\tsite\tdatetime\t69928_00060\n5s\t15s\t20d\t14n\n" + each(lambda i: f"USGS\t01646500\t2031-03-04 05:{i:02d}\t{6000 * loss(i):.0f}"), "69928_00060", "datetime", mode="both", name="a.rdb"),
    "an index without a name": Case("                   load1        load5       load15\n\n" + each(lambda i: f"{1930000000 + 300 * i}: {loss(i):.6e} {acc(i):.6e} {acc(2 * i):.6e}"), "load1", "iteration", mode="both"),
    "a rate that is measured": Case("Timestamp,Heart Rate (bpm)\n" + each(lambda i: f"03/04/2031 05:{i:02d}:00 PM,{100 + 9 * loss(i):.0f}"), "Heart Rate (bpm)", "Timestamp", mode="both", name="a.csv"),
    "a temperature of a letter": Case(each(lambda i: f"ok T:{210 - 40 * loss(i):.2f} /210.00 B:{60 - 5 * loss(i):.2f} /60.00 @:{i * 7 % 31}"), "B", "row", mode="both"),
    "a title of a table": Case("Some logger, version 3\nstep,loss,lr\n" + each(lambda i: f"{i},{loss(i)},{rate(i)}"), "loss", "step", lr="lr", name="a.csv"),
    # Norms between bars; the letter of a residual.
    "norms in a row": Case(each(lambda i: f"{i:3d} XYZ preconditioned resid norm {9 * loss(i):.6e} true resid norm {11 * loss(i):.6e} ||r(i)||/||b|| {loss(i):.6e}"), "true resid norm", "iteration"),
    "norms above columns": Case("Iters     ||r||_2     conv.rate  ||r||_2/||b||_2\n-----   ------------  ---------  ---------------\n" + each(lambda i: f"{i:5d}   {9 * loss(i):e}  0.{60 + i % 7}0000  {loss(i):e}"), "||r||_2", "Iters"),
    "a norm of a product": Case(each(lambda i: f"   Pass :   1   Iteration : {i:3d}  ||B r|| = {loss(i):.6g}"), "||B r||", "Iteration"),
    "norms of a step and of its solver": Case(inner("      {k} Linear |R| = {v:.3f}e-0{k}\n", " {b} Nonlinear |R| = 1.{b}e-0{b}\n", blocks=9), "Nonlinear |R|", "iteration", 9),
    "a letter beside its change": Case(each(lambda i: f"cycle= {i} E= {-76 - acc(i):.9f}  delta_E= -0.0{i % 7}1  |g|= 0.{i % 9}  |ddm|= {loss(i):.3g}"), "E", "cycle", mode="both"),
    # A mean of what has no name, between what is best and what is worst.
    "a mean between the best and the worst": Case(each(lambda i: f"     iter : {i}\nmean_eval : {-90 * loss(i):.4f}\nbest_eval : {-80 * loss(i):.4f}\nworst_eval : {-400 * loss(i):.4f}\n    stdev : {loss(i):.4f}\n"), "mean_eval", "iter", mode="both"),
    # Cycles count; a time that stands still does not, nor does how fast steps are.
    "cycles of a reactor": Case(each(lambda i: f"Burnup step = 1, time = 0.00 days\nActive cycle {i:3d} / 40  neutrons : {5000 + i * 37 % 90}\nk-eff = {1.1 + loss(i) / 90:.5f} +/- 0.001"), "k-eff", "Active cycle", mode="both"),
    "a speed of steps": Case(each(lambda i: f"fps step: {60000 + i * 977 % 900} fps total: {30000 + i * 977 % 900} frames: {16384 * i}\nnext best rewards:  [{90 * acc(i):.2f}]"), "next best rewards", "frames", mode="max"),
    "squares of residuals": Case(each(lambda i: f"iteration= {i}\t chi2= {900 * loss(i):.6f}\t time= 0.0{i % 9}\t lambda= {1 / i:.6f}\t tries= 1"), "chi2", "iteration"),
    # Of some programs a score is an energy, or an error.
    "a score that falls": Case(each(lambda i: f"Score at iteration {10 * i} is {loss(i):.9f}"), "Score", "iteration", mode="both"),
    "an evidence in brackets": Case(each(lambda i: f" Acceptance Rate:     0.{950 - i}\n Total Samples:      {50 * i + 400}\n Nested Sampling ln(Z):   {-90 * loss(i):.6f}"), "Nested Sampling ln(Z)", "Total Samples", mode="max"),
    # Units behind the last numbers of a line.
    "units behind numbers": Case(each(lambda i: f"BenchmarkEncode-8   \t  {100000 + i * 7919 % 1000}\t     {10000 + 100 * loss(i):.0f} ns/op\t    4096 B/op\t      12 allocs/op"), "ns/op", "row"),
    "a pause behind sizes": Case(each(lambda i: f"[{i / 2:.3f}s][info][gc] GC({i - 1}) Pause Young (Normal) {24 + i % 5}M->{4 + i % 3}M(256M) {2 + loss(i):.3f}ms"), "ms", "iteration"),
    "a date that goes back and forth": Case("starttime\twait\tcount\n" + each(lambda i: f"Fri May 06 10:00:{i * 7 % 60:02d} 2022\t{loss(i):.2f}\t{i % 3}"), "wait", "row", mode="both", name="a.tsv"),
    "a fitness that falls": Case("gen  fitness  size\n" + each(lambda i: f"{i:3d}  {loss(i):.5f}  {20 + i % 3}"), "fitness", "gen"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reads(read, name):
    check(read, CASES[name])


def test_runs_that_are_numbered_are_no_epochs(read):
    line = "{what}: {k:02d}, Epoch: {e:02d}, Loss: {v:.4f}, Valid: {a:.4f}\n"
    for what in ("Run", "Fold", "Seed"):
        text = "".join(
            line.format(what=what, k=k, e=e, v=loss(e + k), a=acc(e))
            for k in range(1, 9)
            for e in range(1, 6)
        )
        runs = read(text).runs
        assert [(run.x_name, len(run.values)) for run in runs] == 8 * [("Epoch", 5)]


@pytest.mark.parametrize(
    "name", ["Wind (m/s)", "flow l/s", "spin rad/s", "t/s", "v (Meters/second)"]
)
def test_what_is_measured_per_second_has_no_better_direction(read_run, name):
    run = read_run(
        f"date,{name},humidity\n"
        + each(lambda i: f"2031-03-04 05:{i:02d}:00,{loss(i):.3f},{40 + i * 7 % 5}"),
        "w.csv",
    )
    assert (run.mode, run.x_name) == ("both", "date")


def test_lines_of_another_width_are_another_series(read):
    text = each(
        lambda i: (
            "          total   used   free  shared\n"
            f"Mem:      32000  {12000 + i * 7 % 90:5d}  {8000 - i * 5 % 80:5d}   {120 + i % 7:5d}\n"
            f"Swap:      2047  {i * 3 % 50:5d}  {2047 - i * 3 % 50:5d}\n"
        )
    )
    log = read(text, equals=True)
    assert {(run.name, len(run.values)) for run in log.runs} >= {("Mem", N), ("Swap", N)}


def test_a_meter_comes_after_what_it_adds_up(read):
    rows, sum_ = [], 0.0
    for i in STEPS:
        sum_ += loss(i)
        rows.append(f"2031-03-04 05:{i:02d}:00,{sum_:.3f},{loss(i):.3f}\n")
    (run,) = read("date,reading,draw\n" + "".join(rows), "m.csv", equals=True).runs
    assert run.metric == "draw"


@pytest.mark.parametrize("names", ["humidity,pressure", "Cd,Cl"])
def test_several_names_that_say_nothing_are_unsure(read, names):
    text = f"time,{names}\n" + each(lambda i: f"{i / 2},{loss(i)},{acc(i)}")
    log = read(text, "a.csv", equals=True)
    assert [run.metric for run in log.runs] == names.split(",")
    assert log.warnings[0].startswith("unsure: ")


def test_columns_of_one_name_are_all_kept(read):
    text = "step,loss,loss\n" + each(lambda i: f"{i},{loss(i)},{acc(i)}")
    first, second = read(text, "a.csv", equals=True).runs
    assert (first.metric, second.metric) == ("loss", "loss (2)")
    assert second.values.tolist() == [acc(i) for i in STEPS]


def test_a_number_behind_a_name_does_not_make_it_less(read):
    runs = read(each(lambda i: f"PM2.5: {loss(i):.2f}  , PM10: {acc(i):.2f}"), equals=True).runs
    assert [run.metric for run in runs] == ["PM2.5", "PM10"]


def test_one_quantity_of_several_sensors_is_sure_and_all_are_told(read):
    text = each(lambda i: f"home/hall/humidity {loss(i):.2f}\nhome/attic/humidity {acc(i):.2f}")
    log = read(text)
    assert log.runs[0].metric == "home/hall/humidity"
    assert log.warnings == (
        "'home/hall/humidity' was taken as the metric; as good: 'home/attic/humidity'",
    )


@pytest.mark.parametrize(
    "line",
    ["Alpha: 0.05  Words/thread/sec: {v:.2f}k", "took {k} words/node/s", "{v:.1f} tok/gpu/s"],
)
def test_a_pace_of_each_worker_is_no_metric(read, line):
    with pytest.raises(NoSeriesError):
        read(each(lambda i: line.format(v=300 + i % 7, k=30 + i % 5)))


def test_a_label_of_an_entity_names_runs(read):
    text = "entity_id,state,last_changed\n" + each(
        lambda i: (
            f"sensor.{'ab'[i % 2]},{loss(i) + 50 * (i % 2):.1f},2031-03-04T05:{i:02d}:0{i % 3}.000Z"
        )
    )
    log = read(text, "history.csv")
    assert {run.name: len(run.values) for run in log.runs} == {
        "sensor.a": N // 2,
        "sensor.b": N // 2,
    }


def test_a_row_without_a_cell_under_a_header(read):
    # nothing but a label and bars: its cells have no names
    text = "  a   b   c\n" + each(lambda i: "[ 12]  |  |  |  |")
    with pytest.raises(NoSeriesError):
        read(text)


@pytest.mark.parametrize("asked", ["||r(i)||/||b||", "||r||/||b||", "r/b"])
def test_a_norm_is_asked_for_with_or_without_its_index(read_run, asked):
    text = each(lambda i: f"{i} true resid norm {9 * loss(i):.4e} ||r(i)||/||b|| {loss(i):.4e}")
    assert read_run(text, metric=asked).metric == "||r(i)||/||b||"


def test_names_between_the_bars_of_cells_are_no_norms(read_run):
    run = read_run("|epoch|loss|\n|---|---|\n" + each(lambda i: f"|{i}|{loss(i):.4f}|"))
    assert (run.metric, run.x_name) == ("loss", "epoch")


def test_a_letter_behind_a_number_is_no_name(read):
    with pytest.raises(NoSeriesError):
        read(each(lambda i: f"{i:7d}   4      11 1.0E+00    {i % 3} F  T"))


def test_a_time_step_beside_its_time_is_no_change(read):
    log = read(each(lambda i: f"Step {i}, t= {i / 1000:.7E}, DT= 1.0E-03, C=  0.{400 + i * 7 % 9}"))
    assert log.warnings[0].startswith("unsure: ")
