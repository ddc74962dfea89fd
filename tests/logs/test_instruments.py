"""Names in lists and phrases, units that stand for names, ends of rows, parts of a whole."""

import pytest
from made_up import STEPS, Case, N, acc, check, clock, each, loss, rate

from plateau.logs.model import NoSeriesError

CASES = {
    # Names behind numbers, and names in lists.
    "an average behind a number": Case(each(lambda i: f" {i}: {loss(i):.4f}, {loss(i) + 0.1:.4f} avg loss, {rate(i)} rate, 3.2 seconds"), "loss", "iteration", lr="rate"),
    "a mean behind a number": Case(each(lambda i: f"{50 * i}: {loss(i):.4f}, {loss(i) + 0.2:.4f} mean cost, {i * 64} images"), "cost", "iteration"),
    "a list of names": Case(each(lambda i: f"epoch {i} P/R/F1: {acc(i):.3f}/{acc(i) / 2:.3f}/{acc(i) / 3:.3f}"), "F1", "epoch", mode="max"),
    "a list in parentheses": Case(each(lambda i: f"step {i} (loss,acc): ( {loss(i):.4f}   {acc(i):.4f} ) :: heat"), "loss", "step"),
    "a list of a quantity": Case(each(lambda i: f"id: t-1, time: {i}.000s, min/mean/max request latency: {1 + i * 7 % 5}/{10 * loss(i):.2f}/{900 + i * 7 % 3} ms"), "mean request latency", "time"),
    "phrases behind numbers": Case(each(lambda i: f"Sum01 after {100 * i} nodes, {i * 7 % 11} on tree, {loss(i):.3f} total cost, {i * 0.5:.1f} best bound"), "total cost", "Sum01 after"),
    "a time behind its colon": Case(each(lambda i: f"Timing for main: domain {1 + i % 1}:    {loss(i):.5f} elapsed seconds"), "elapsed seconds", "row"),
    "a name twice, with units": Case("".join(f"\rJobs: 1 (w=1): [w={200 + i * 7 % 5}MiB/s][w={51 + i * 7 % 3}.5k IOPS][eta 00m:{i:02d}s]" for i in STEPS), "w MiB/s", "row", mode="max"),
    # What names say.
    "an agent's losses beside its reward": Case(each(lambda i: f"Epoch: {i} | Actor Loss: {acc(i):.4f} | Critic Loss: {loss(i):.4f}\nAverage reward score: {9 * acc(i):.4f}"), "Average reward score", "Epoch", mode="max"),
    "a reward of a test": Case("".join(f"\rLast test reward: {90 * acc(i):.2f}. Training step: {100 * i}/4000. Loss: {loss(i):.3f}" for i in STEPS), "Last test reward", "Training step", mode="max"),
    "a log likelihood": Case(each(lambda i: f"  Iteration {10 * i}\t time lapse {0.01 + i * 7 % 3 / 1000:.5f}s\t ll change {loss(i):.5f}"), "ll change", "Iteration", mode="both"),
    "a negative log likelihood": Case("  Ncyc   -LL   zBOND\n" + each(lambda i: f"{i:6d} {900 * loss(i):9.2f} {0.01 + i * 7 % 3 / 1000:.4f}"), "-LL", "Ncyc"),
    "a total energy in a unit": Case(each(lambda i: f":FER  : F E R M I - ENERGY(T.M.)= {0.5 + loss(i) / 90:.8f}\n:ENE  : ******* TOTAL ENERGY IN Ry =  {-900 * acc(i):.6f}"), "TOTAL ENERGY IN Ry", "row", mode="both"),
    "a count that grows": Case("total ops,ops/s,mean,time\n" + each(lambda i: f"{4000 * i + i * 7 % 5},{3000 * acc(i):.0f},{loss(i):.2f},{i}.0"), "ops/s", "time", mode="max", name="a.csv"),
    "a kind of record": Case("Device Timestamp,Record Type,Glucose mmol/L\n" + each(lambda i: f"0{1 + i % 1}-05-2031 {clock(i)},{i * 7 % 2},{loss(i):.1f}"), "Glucose mmol/L", "Device Timestamp", mode="both", name="a.csv"),
    "a current through a resistor": Case("time\tV(out)\tI(R1)\n" + each(lambda i: f"{1e-6 * i}\t{loss(i):.6e}\t{acc(i):.6e}"), "V(out)", "time", mode="both", name="a.txt"),
    "an x that is called so": Case("X_Value\tVoltage\tComment\n" + each(lambda i: f"{0.001 * i:.6f}\t{loss(i):.6f}\t"), "Voltage", "X_Value", mode="both", name="a.lvm"),
    # Tables.
    "an end of all rows": Case("SCF loop      Energy           Gain         Timer   <-- SCF\n----------------------------------------------- <-- SCF\n" + each(lambda i: f"{i:7d}  {-1240 - acc(i):.8E}  {loss(i):.8E}  {0.4 * i:9.2f}  <-- SCF"), "Energy", "SCF loop", mode="both"),
    "an end of the names": Case("   Ncyc    Residual    Rfree $$\n $$\n" + each(lambda i: f"{i:8d}   {loss(i):.4f}   {acc(i):.4f}"), "Residual", "Ncyc"),
    "units that repeat": Case("  <<< Node J7 >>>\n  -----------------------------\n           Inflow     Depth     Error\n  Step        CFS      feet      feet\n  -----------------------------\n" + each(lambda i: f"  {i:4d}   {acc(i):8.3f}  {acc(2 * i):8.3f}  {loss(i):8.3f}"), "Error feet", "Step"),
    "units in a remark": Case("# gpu    pwr   temp   mem\n# Idx      W      C      C\n" + each(lambda i: f"    0   {200 * acc(i):4.0f}   {60 * acc(i):4.0f}   {50 + i % 3:4d}"), "pwr", "row", mode="both"),
    "a label before names": Case("SCORE:     total_score  fa_atr description \n" + each(lambda i: f"SCORE: {-100 * acc(i):12.3f} {-9 * acc(i) - i % 3:9.3f} S_{i:04d}"), "total_score", "row", mode="both"),
    "a sign before names": Case("\n@ Step       Energy      Gmax   Walltime\n@ ---- ------------ --------- --------\n" + each(lambda i: f"@ {i:4d} {-76 - acc(i):13.8f} {loss(i):9.5f} {1.5 * i:8.1f}"), "Energy", "Step", mode="both"),
    "names that mean no infinity": Case("   Its      Obj Value      S   Ninf        Sum Inf  Time\n" + each(lambda i: f"{50 * i:6d} {100 * loss(i):14.4f}      D  {N - i:5d}  {9 * loss(i):13.4f} {i // 5:5d}"), "Obj Value", "Its"),
    "a column without numbers": Case("   Itns Major Minors    Step   nCon  Optimal    MeritFunction   BSwap     nS  condZHZ\n" + each(lambda i: f"{12 * i:7d} {i:5d} {1 + i % 7:6d} {0.5:7.1E} {i + 1:6d} {acc(i):8.1E} {100 * loss(i):16.7E}         {10 + i % 3:6d} {900.0 + i % 7:8.1E}"), "MeritFunction", "Itns"),
    "names between commas": Case("Settings:\n  Count: -1\ntype       total ops,    op/s,    mean,     .95,     max,   time\n" + each(lambda i: f"total,{4000 * i + i * 7 % 5:14d},{3000 * acc(i):8.0f},{loss(i):8.1f},{9.5:8.1f},{50 + i % 9:8.1f},{float(i):7.1f}"), "op/s", "time", mode="max"),
    "words above bars": Case("the rate of the schedule has been overridden\n" + "".join(f"\r{2 * i:3d}%|{'█' * (i // 4):10s}| {i}/{N} [00:01<00:04, 9.1it/s, epoch=1/20, avg_loss={loss(i):.4f}]" for i in STEPS), "avg_loss", "iteration"),
    # Services.
    "a zone behind the time": Case(each(lambda i: f"2031-05-06 10:{clock(i)}.123 UTC app@db LOG:  duration: {loss(i):.3f} ms  statement: SELECT"), "duration", "row"),
    "a record in a path": Case(each(lambda i: f'Started GET "/items/{i * 37 % 90}" for host\nCompleted in {loss(i):.3f}ms of work'), "Completed in", "row", mode="both"),
    "an identifier in each line": Case(each(lambda i: f"[2031-05-06 10:{clock(i)},123: INFO/Worker] Task resize[{0x3F2A9C0D + i * 7919 % 9973:08x}-1a2b-4c3d-9e8f-{0xA1B2C3D4E5 + i * 104729:012x}] latency {loss(i):.6f}s: None"), "latency", "row"),
    "an identifier before a counter": Case(each(lambda i: f"run {i * 7919 % 9973:08x}-00aa-4c3d-9e8f-{i * 104729:012x} step {i} loss {loss(i):.4f}"), "loss", "step"),
    "a gap between bands": Case(" iter      E             dE          gap      omega\n" + each(lambda i: f"{i:4d} {-42 - acc(i):15.7f} {loss(i):12.6E} {4 + i % 3:8.2f} {1 + 0.2 * i:10.1f}"), "E", "iter", mode="both"),
    "a gap beside an energy": Case("step,total energy,gap\n" + each(lambda i: f"{i},{-9 * acc(i):.5f},{4 + i % 3}"), "total energy", "step", mode="both", name="a.csv"),
    # Time that stands on a line of its own.
    "a time among the values": Case(each(lambda i: f"(TID 0.0001) // Begin\n(TID 0.0001) // ====\n(TID 0.0001) MON time_sec = {1200.5 * i:.4E}\n(TID 0.0001) MON energy = {loss(i):.8E}\n"), "MON energy", "MON time_sec", mode="both"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reads(read, name):
    check(read, CASES[name])


@pytest.mark.parametrize("key", ["ID", "Id"])
def test_a_metric_of_the_whole_comes_before_that_of_its_parts(read_run, key):
    text = each(
        lambda i: (
            f" ****** Running generation {i} ******\n"
            f"Average fitness: {9 * acc(i):.4f} stdev: 0.{30 + i % 7}\n"
            f"   {key}   age  fitness\n  ====  ===  =======\n"
            f"     1  {i % 3:3d}    {8 * acc(i):.2f}\n     2  {i % 5:3d}    {7 * acc(i):.2f}\n"
        )
    )
    run = read_run(text)
    assert (run.metric, run.x_name, len(run.values)) == (
        "Average fitness",
        "Running generation",
        N,
    )


@pytest.mark.parametrize("rows", [2, 3])
def test_lines_of_parts_leave_the_line_of_the_step(read_run, rows):
    text = "".join(
        "".join(
            f"v3 (cls: 1.00) Region {139 + 11 * k} Avg (IOU: 0.5{k}), total_loss = {9 + k + i % 3}.5\n"
            for k in range(rows)
        )
        + f"\n {i}: {loss(i):.4f}, {loss(i) + 0.1:.4f} avg loss, {rate(i)} rate\n"
        for i in STEPS
    )
    run = read_run(text)
    assert (run.metric, run.x_name, run.lr_name, len(run.values)) == (
        "loss",
        "iteration",
        "rate",
        N,
    )


@pytest.mark.parametrize(
    "line", ["$GPGGA,1235{i:02d}.00,4807.03,N,01131.{i:02d},E,1,08,*4{k}", "row,N,{i}.5,E,1,W,{k}"]
)
def test_a_letter_between_commas_is_no_name(read, line):
    try:
        log = read(each(lambda i: line.format(i=i, k=i * 7 % 5)))
    except NoSeriesError:
        return
    assert log.runs[0].metric not in {"N", "E", "W"}
    assert any(warning.startswith("unsure: ") for warning in log.warnings)


@pytest.mark.parametrize("unit", ["M", "MiB"])
def test_a_unit_alone_is_no_name(read, unit):
    log = read(
        each(
            lambda i: (
                f"[{i * 0.4:.3f}s] GC({i}) Pause 7{unit} {20 + i * 7 % 9}{unit} {loss(i):.3f}ms"
            )
        )
    )
    assert log.runs[0].metric == "ms"
