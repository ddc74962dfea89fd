"""What is in the files that people have, kind by kind: what is chosen, and what is not."""

import json

import pytest
from made_up import STEPS, Case, N, acc, check, each, loss, rate

from plateau.logs import NoSeriesError
from plateau.replay import recorded_changes
from plateau.showing import wording

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


def table(names, row, steps=STEPS):
    return ",".join(names) + "\n" + "".join(",".join(map(str, row(i))) + "\n" for i in steps)


def bar(i, total=N, unit="it"):
    drawn = f"{'#' * (i // 4)}{' ' * (10 - i // 4)}"
    share = 100 * i // total
    return f"{share:3d}%|{drawn}| {i}/{total} [00:20<00:10, {20 + i % 3}.5{unit}/s]"


JUNK = {
    "bar": each(lambda i: f"Loading tiles: {bar(i)}"),
    "data": each(lambda i: f"Map: {bar(i, unit=' examples')}"),
    "pip": each(lambda i: f"  {i}% [{'=' * (i // 4):10s}] {i}.5kB/60.0kB 1.2MB/s"),
    "exit codes": each(lambda i: f"[launcher] worker exits with return code = {i % 3}"),
    "job status": each(lambda i: f"job {i} status {i * 7 % 4}"),
    "source": each(lambda i: f"  File 'trainer.py', line {7 * i}, in run"),
    "settings": each(lambda i: "batch_size: 32, dropout: 0.1, hidden: 512"),
    "shards": each(lambda i: f"Loading shard {i}/{N}"),
}


@pytest.mark.parametrize("name", JUNK)
def test_junk_alone_is_refused(read, name):
    with pytest.raises(NoSeriesError, match="no column looks like a metric"):
        read(JUNK[name])


@pytest.mark.parametrize(
    ("line", "metric", "mode"),
    [
        ("test accuracy {v:.4f}", "test accuracy", "max"),
        ("eval_accuracy = {v:.4f}", "eval_accuracy", "max"),
        ("val mAP: {v:.4f}", "val mAP", "max"),
        ("success rate {v:.3f}", "success rate", "max"),
    ],
)
def test_a_result_comes_before_what_bars_say(read_run, line, metric, mode):
    run = read_run(each(lambda i: f"Map: {bar(i)}\n" * 3 + line.format(v=acc(i))))
    assert (run.metric, run.mode, len(run.values)) == (metric, mode, N)


def ping(i):
    return 12 + i * 7 % 5 / 10


SERVICES = {
    "success": Case(table(["step", "episode_length", "success_rate"], lambda i: (i, 200 - i, acc(i))), "success_rate", "step", mode="max"),
    "winning": Case(table(["episode", "win_rate", "epsilon"], lambda i: (i, acc(i), rate(i))), "win_rate", "episode", mode="max"),
    "failing": Case(table(["time", "cpu", "error_rate"], lambda i: (i, 20 + i % 3, loss(i))), "error_rate", "time"),
    "latency": Case(table(["time", "cpu", "latency_ms"], lambda i: (i, 20 + i % 3, ping(i))), "latency_ms", "time"),
    "response": Case(table(["timestamp", "status_code", "bytes", "response_time"], lambda i: (1.9e9 + i, 200, 100 + i * 7 % 90, ping(i))), "response_time", "timestamp"),
    "download": Case(table(["time", "retries", "download_mbps"], lambda i: (i, i % 2, 90 + ping(i))), "download_mbps", "time", mode="max"),
    "requests": Case(table(["time", "memory_mb", "req/s"], lambda i: (i, 500 + i % 5, 90 + ping(i))), "req/s", "time", mode="max"),
    "frames": Case(table(["t", "players", "fps"], lambda i: (i / 2, i % 5, 60 + ping(i))), "fps", "t", mode="max"),
    "ping": Case(each(lambda i: f"64 bytes from 10.0.0.{i % 3}: icmp_seq={i} ttl={50 + i % 3} time={ping(i)} ms"), "time", "icmp_seq"),
    "records": Case(each(lambda i: json.dumps({"ts": f"2031-03-04T05:00:{i:02d}Z", "status": 200, "path": "/x", "ms": ping(i)})), "ms", "ts"),
    "training": Case(table(["epoch", "fps", "latency_ms", "accuracy"], lambda i: (i, 60 + i % 3, ping(i), acc(i))), "accuracy", "epoch", mode="max"),
    "power": Case(table(["date", "energy_kwh"], lambda i: (f"1985-03-04 05:{i:02d}", ping(i))), "energy_kwh", "date", mode="both"),
    "two bare columns": Case(each(lambda i: f"{i / 4:.2f} {loss(i):.4f}"), "column 2", "column 1", mode="both", name="run.txt"),
    "uneven": Case(each(lambda i: f"{i**1.5:.3f} {loss(i):.4f}"), "column 2", "column 1", mode="both", name="run.txt"),
    "coefficients": Case("# Time\tCd\tCl(f)\n" + each(lambda i: f"{i}\t{loss(i):.5f}\t{loss(i) / 9 % 0.1:.5f}"), "Cd", "Time", mode="both"),
}  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
def test_outside_of_training(read, name):
    check(read, SERVICES[name])


def test_equally_good_ones_are_all_scanned_in_the_order_of_the_table(read):
    text = table(
        ["ts", "latency_ms", "rps"], lambda i: (f"2031-03-04 05:00:{i:02d}", ping(i), 400 + ping(i))
    )
    found = read(text, equals=True).runs
    assert [(run.metric, run.mode) for run in found] == [("latency_ms", "min"), ("rps", "max")]


def test_an_empty_cell_does_not_drop_a_column(read):
    text = table(["temperature", "heart"], lambda i: ("" if i == 7 else 20 + ping(i), 60 + i % 7))
    first, second = read(text, equals=True).runs
    assert (first.metric, second.metric, len(first.values)) == ("temperature", "heart", N - 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            table(["t", "cl", "lift factor"], lambda i: (i, loss(i), acc(i))),
            "--metric could also name lift factor",
        ),
        (each(lambda i: f"[{i}] wobble: {ping(i)} V"), "'wobble' is no name of a metric"),
        (table(["step", "loss", "cl"], lambda i: (i, 1, acc(i))), "--metric could name cl"),
    ],
)
def test_a_name_that_says_nothing_is_unsure(read, text, told):
    (warning,) = read(text).warnings
    assert "unsure" in warning
    assert told in warning


def test_a_loss_is_sure(read):
    assert read(table(["t", "cl", "loss"], lambda i: (i, acc(i), loss(i)))).warnings == ()


def epochs(line, before="", after="", inner=range(10, 60, 10)):
    """Ten epochs of some batches; the last has as many lines as the others."""
    return "".join(
        before.format(e=e)
        + "".join(line.format(e=e, b=b, v=loss(3 * e + b / 20)) for b in inner)
        + after.format(e=e)
        for e in range(1, 11)
    )


def uneven(i):
    """An epoch of one row or two: the inner number does not always fall."""
    inner = [500] if i % 4 == 0 else [110 + 7 * i, 500]
    return "".join(f"Epoch {i} [{b}/500] loss {loss(i + b / 500):.4f}\n" for b in inner)


COUNTERS = {
    "printed after its block": (epochs("batch {b}/50 loss {v:.4f}\n", after="== epoch {e} done ==\n"), "epoch, batch", 50),
    "printed before its block": (epochs("batch {b}/50 loss {v:.4f}\n", before="== epoch {e} ==\n"), "epoch, batch", 50),
    "a solver's": (epochs("N: {b}  residual {v:.4e}\n", after="ionic step {e} F= -90.8{e}\n", inner=range(1, 6)), "ionic step, N", 50),
    "an optimizer's": (epochs("   {b} OT DIIS  residual {v:.4e}\n", after=" OPTIMIZATION STEP: {e}\n\n", inner=range(1, 6)), "OPTIMIZATION STEP, iteration", 50),
    "how many were needed": (each(lambda i: f"Time = {i}\nsolve: Initial residual = {loss(i):.5f}, No Iterations {1 + i // 20}"), "Time", N),
    "how many steps it took": (each(lambda i: f"Time = {i}\nsolve: residual {loss(i):.5f} after steps: {2 + i // 20}"), "Time", N),
    "epochs of one row": ("".join(map(uneven, STEPS)), "Epoch, iteration", 2 * N - N // 4),
    "a span from zero": (epochs("Epoch[{e}] Batch [0-{b}]\tSpeed: 25.3 samples/sec\tloss={v:.5f}\n"), "Epoch, Batch", 50),
    "a span": (epochs("Epoch[{e}] Batch [{b}-59]\tloss={v:.5f}\n", inner=[0]) + "Epoch[11] Batch [0-59]\tloss=0.5\n", "Epoch", 11),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTERS)
def test_counters(read_run, name):
    text, x, points = COUNTERS[name]
    run = read_run(text)
    assert (run.x_name, len(run.values)) == (x, points)
    assert (run.x[1:] > run.x[:-1]).all()


@pytest.mark.parametrize(
    "line",
    [
        "epoch 1, phase train, step {s}, loss_train, {v:.4f}",
        "('step', {s}, 'loss_train', {v:.4f})",
        "step; {s}; loss_train; {v:.4f}; took; 3",
        "INFO: step, {s}, loss_train, {v:.4f}",
    ],
)
def test_a_comma_between_name_and_value(read, line):
    check(read, Case(each(lambda i: line.format(s=10 * i, v=loss(i))), "loss_train", "step"))


def test_writers_that_share_no_x_are_runs(read):
    rows = (f"{w},{100 * (1 - w) + i},{loss(i) + w:.4f}\n" for i in range(40) for w in (0, 1))
    log = read("worker,step,loss\n" + "".join(rows), "run.csv")
    assert [run.name for run in log.runs] == ["worker 0", "worker 1"]
    assert [len(run.values) for run in log.runs] == [40, 40]


def test_more_numbers_before_a_word_than_names(read_run):
    rows = (f"{i} {loss(i):.4f} 0.{600 + i} 0.7 done\n" for i in range(1, 50))
    run = read_run("iter       loss          acc\n" + "".join(rows))
    assert (run.metric, run.x_name) == ("loss", "iter")


@pytest.mark.parametrize(
    "line", ["[train] step: {s}  loss: {v:.4f}", '{{"step": {s}, "loss": {v:.4f}}}']
)
def test_nameless_writers_that_say_the_same(read, line):
    log = read(each(lambda i: "\n".join(3 * [line.format(s=i, v=loss(i))])))
    (run,) = log.runs
    assert run.x.tolist() == list(STEPS)
    assert log.warnings == ("3 rows at each step say the same: the first was taken",)


def test_a_second_run_that_says_the_same_is_kept(read):
    text = each(lambda i: f"step {i} loss {loss(i):.4f}")
    assert [len(run.values) for run in read(2 * text).runs] == [N, N]


@pytest.mark.parametrize(
    ("line", "announced"),
    [
        ("Epoch {e}: reducing learning rate of group 0 to {lr:.4e}.", True),
        ("Setting learning rate to {lr}", True),
        ("new lr: {lr}", True),
        ("lr: {lr}", False),
    ],
)
def test_rates_that_are_printed_only_when_they_change(read_run, line, announced):
    rates = {10: 5e-4, 20: 2.5e-4, 30: 1.25e-4}
    run = read_run(
        each(
            lambda i: (
                f"Epoch {i}: train loss {loss(i):.4f}"
                + (f"\n{line.format(e=i, lr=rates[i])}" if i in rates else "")
            )
        )
    )
    changes = recorded_changes(run)
    assert [change.lr for change in changes] == [*rates.values()][0 if announced else 1 :]
    assert [change.factor for change in changes[-2:]] == [0.5, 0.5]
    if announced:
        assert changes[0].x in (10, 11)
        assert changes[0].factor != changes[0].factor


BAR_HEAD = "                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|####| 4/4 [00:01<00:00, 3.5it/s]\n"

TABLES = {
    "infeasibilities": Case("Iteration    Objective       Primal Inf.    Dual Inf.      Time\n" + each(lambda i: f"{50 * i:8d}    {loss(i):.7e}   {acc(i):.6e}   0.000000e+00      {i // 9}s"), "Objective", "Iteration"),
    "a spread of infeasibility": Case("   iter   Primal Inf   Dual Inf   cost\n" + each(lambda i: f"  {i}  {acc(i):.4e}  {acc(i):.4e}  {loss(i):.4e}"), "cost", "iter"),
    "rows without numbers": Case(" Node  Open |   Obj   Depth | Incumbent    Bound    Gap | Time\n\n" + "".join(f"    0     0   0.{i}    0          -    0.{i}      -    {i}s\n" for i in range(7)) + each(lambda i: f" {7 + i}    38   1.0{i}   9   {loss(i):.5f}    1.0{i}  {90 - i}.5%   {8 + i}s"), "Gap", "Node"),
    "far below": Case("start\n iter  gap  best\n" + each(lambda i: f"  {i}  -  -") + each(lambda i: f"  {N + i}  {loss(i):.4f}  {2 * loss(i):.4f}"), "gap", "iter"),
    "stacked": Case(each(lambda i: f"          Bond          Angle       Dihedral\n    1.{i:02d}    3.{i:02d}    4.{i:02d}\n      Potential        Kinetic           Temp\n   {-acc(i):.5f}    2.{i:02d}   3.{i:02d}\n"), "Potential", "row", mode="both"),
    "stacked with steps": Case(each(lambda i: f"   Step   Time   Temp\n {100 * i} {i / 5:.5f} {300 + i % 7}.5\n   Bond   Angle   Potential\n 1.{i} 2.{i} {-acc(i):.5f}"), "Potential", "Step", mode="both"),
    "atoms": Case("".join(f"   {i}   C   tau(  {i}) = ( {acc(i):.7f} {loss(i):.7f} {acc(3 * i):.7f} )\n" for i in range(60)) + each(lambda i: f"     total energy   =    {-93 - acc(i):.8f} Ry"), "total energy", "row", mode="both"),
    "tecplot": Case('TITLE = "History"\nVARIABLES = "Iter", "CFL", "RMS rho", "Drag"\nZONE T= "History"\n' + each(lambda i: f"{i} 5.0 {loss(i):.6e} {acc(i):.6e}"), "RMS rho", "Iter"),
    "tecplot in lines": Case('VARIABLES = "Time (s)"\n"Drag"\n"RMS rho"\nZONE T="a", I=40\n' + each(lambda i: f"{i / 7:.3f} {acc(i):.6f} {loss(i):.6f}"), "RMS rho", "Time (s)"),
    "grace": Case('# made\n@    title "E"\n@    xaxis  label "Time (ps)"\n@    yaxis  label "(kJ/mol)"\n@TYPE xy\n@ s0 legend "Potential"\n@ s1 legend "Pressure"\n' + each(lambda i: f"{i / 2:.6f} {loss(i):.6f} {acc(i):.6f}"), "Potential", "Time (ps)", mode="both"),
    "grace without legends": Case('@    xaxis  label "Time (ns)"\n@    yaxis  label "RMSD (nm)"\n@TYPE xy\n' + each(lambda i: f"{i / 2:.6f} {loss(i):.6f}"), "RMSD (nm)", "Time (ns)", mode="both"),
    "numbered names": Case("# 1: step\n# 2: kinetic\n# 3: residual\n" + each(lambda i: f"{i} {acc(i):.6f} {loss(i):.6f}"), "residual", "step"),
    "a bar behind names": Case(each(lambda i: f"{BAR_HEAD}                   all        128        929      0.{i * 7 % 9}4      0.{i * 5 % 9}7      0.3      {acc(i):.3f}\n"), "mAP50-95)", "row", mode="max"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_tables(read, name):
    check(read, TABLES[name])


@pytest.mark.parametrize("above", ["starting", "gpu:0 starting up", "a run on gpu"])
def test_words_above_numbers_between_bars_are_no_header(read_run, above):
    run = read_run(f"{above}\n" + each(lambda i: f"gpu:0 step {i} | loss {loss(i):.4f} | lr 0.1"))
    assert (run.metric, run.x_name, run.lr_name) == ("loss", "step", "lr")


def test_zones_of_a_table_are_runs(read):
    zone = 'ZONE T="a"\n' + each(lambda i: f"{i} {loss(i):.5f}")
    log = read("VARIABLES = iter, residual\n" + 2 * zone)
    assert [(run.metric, len(run.values)) for run in log.runs] == 2 * [("residual", N)]


def test_labels_name_runs(read):
    text = "# HELP req_seconds Latency\n# TYPE req_seconds summary\n" + each(
        lambda i: (
            f'req_seconds{{quantile="0.5",path="/a"}} {ping(i)}\n'
            f'req_seconds{{quantile="0.99",path="/a"}} {9 * ping(i)}\nreq_seconds_count{{path="/a"}} {i}'
        )
    )
    log = read(text, "m.prom")
    assert log.format == "prometheus"
    assert [(run.name, run.metric, run.mode) for run in log.runs] == [
        ("quantile=0.5", "req_seconds", "min"),
        ("quantile=0.99", "req_seconds", "min"),
    ]
    assert log.runs[1].values.tolist() == [9 * ping(i) for i in STEPS]
    assert log.runs[1].lines.tolist() == [1 + 3 * i for i in STEPS]


def test_labels_of_a_training(read):
    line = 'vllm:e2e_loss{{model="m, 7",rank="{r}"}} {v} 1930374{i:03d}000'
    text = each(lambda i: "\n".join(line.format(r=r, v=loss(i), i=i) for r in "ab"))
    log = read(text)
    assert [(run.name, run.metric, run.x_name) for run in log.runs] == [
        ("rank=a", "vllm:e2e_loss", "timestamp"),
        ("rank=b", "vllm:e2e_loss", "timestamp"),
    ]


@pytest.mark.parametrize(
    ("line", "metric", "clock"),
    [
        ("cpu,host={h},zone=x user={v:.3f},up=t {t}000000000", "cpu user", True),
        ('net\\ if,host={h} latency={v:.3f},note="a, b" {t}000', "net if latency", True),
        ("temperature,host={h} value={v:.3f}", "temperature", False),
    ],
)
def test_points_of_influx(read, line, metric, clock):
    text = each(lambda i: "\n".join(line.format(h=h, v=loss(i), t=1900000000 + i) for h in "ab"))
    log = read("# points\n" + text)
    assert log.format == "influx"
    assert [(run.name, run.metric) for run in log.runs] == [("host=a", metric), ("host=b", metric)]
    run = log.runs[1]
    assert run.values.tolist() == [float(f"{loss(i):.3f}") for i in STEPS]
    assert run.clock == clock
    if clock:
        assert wording.clock(run.x[0]) == wording.clock(1900000001)


@pytest.mark.parametrize("line", ["train loss={v:.4f}", "step={i} loss={v:.4f}", "a,b c d={v}"])
def test_lines_that_are_no_points(read, line):
    text = each(lambda i: line.format(i=i, v=loss(i)))
    assert read(text, metric="d" if "d=" in line else "loss").format == "text"


def test_bins_and_counts_are_no_samples(read):
    text = each(
        lambda i: f'wait_seconds_bucket{{le="0.05"}} {3 * i}\nwait_seconds_sum{{a="b"}} {i / 3}'
    )
    with pytest.raises(NoSeriesError):
        read(text)


def test_a_count_that_is_measured_is_a_sample(read):
    text = "# TYPE queue_count gauge\n" + each(
        lambda i: f'queue_count{{room="a"}} {ping(i)}\nqueue_count{{room="b"}} {ping(i)}'
    )
    assert [run.name for run in read(text).runs] == ["room=a", "room=b"]


def test_labels_are_read_as_they_were_before_they_were_written(read):
    text = each(lambda i: f'wait{{path="C:\\\\new \\"a\\""}} {ping(i)}\nwait{{path="b"}} {ping(i)}')
    assert [run.name for run in read(text).runs] == ['path=C:\\new "a"', "path=b"]


SOLVERS = ["smoothSolver:  Solving for Ux", "smoothSolver:  Solving for Uy", "GAMG:  Solving for p"]


def runs_of(log):
    return [(run.name, run.metric, run.x_name, len(run.values)) for run in log.runs]


@pytest.mark.parametrize(
    ("line", "x"),
    [
        ("{who}  - loss: {v:.4f}", "row"),
        ("[{i}] {who}: loss = {v:.4f}", "iteration"),
        ("epoch {i}, {who}, loss {v:.4f}", "epoch"),
    ],
)
def test_words_before_a_name_tell_series_apart(read, line, x):
    who = {"teacher": 0, "student": 1}
    log = read(
        each(lambda i: "\n".join(line.format(who=w, i=i, v=loss(i) + k) for w, k in who.items()))
    )
    assert runs_of(log) == [(w, "loss", x, N) for w in who]
    assert log.warnings == ("words before 'loss' tell series apart: 'teacher', 'student'",)
    for run, k in zip(log.runs, who.values(), strict=True):
        assert run.values.tolist() == [float(f"{loss(i) + k:.4f}") for i in STEPS]


def test_solvers_are_told_apart(read):
    text = each(
        lambda i: (
            f"Time = {i}\n"
            + "\n".join(
                f"{s}, Initial residual = {loss(i):.6f}, No Iterations {i % 3}" for s in SOLVERS
            )
            + f"\n{SOLVERS[-1]}, Initial residual = {acc(i):.6f}, No Iterations {i % 3}"
        )
    )
    assert runs_of(read(text)) == [
        ("smoothSolver Ux", "Initial residual", "Time", N),
        ("smoothSolver Uy", "Initial residual", "Time", N),
        ("GAMG p", "Initial residual", "Time", 2 * N),
    ]


@pytest.mark.parametrize("size", [2, 3])
def test_words_behind_a_number_tell_series_apart(read, size):
    kinds = ["mean", "mean, across all requests", "mean of the slowest"][:size]
    text = each(lambda i: "\n".join(f"Time per request: {loss(i):.3f} [ms] ({k})" for k in kinds))
    log = read(text)
    assert log.warnings[0].startswith("words behind 'Time per request' tell series apart: 'ms mean")
    assert [len(run.values) for run in log.runs] == [N] * size


def test_a_remark_behind_some_numbers_tells_nothing_apart(read_run):
    text = each(lambda i: f"Time per request: {loss(i):.3f} [ms]{' (slow)' * (i % 3 == 0)}")
    assert len(read_run(text).values) == N


@pytest.mark.parametrize(
    ("best", "usual"),
    [
        ("new best epoch {i} loss {v:.4f}", "epoch {i} loss {v:.4f}"),
        ("WARNING step {i} loss {v:.4f}", "INFO step {i} loss {v:.4f}"),
        ("best so far: step {i} loss {v:.4f}", "no change: step {i} loss {v:.4f}"),
    ],
)
def test_remarks_before_a_name_tell_nothing_apart(read_run, best, usual):
    run = read_run(each(lambda i: (usual if i % 3 else best).format(i=i, v=loss(i))))
    assert run.x.tolist() == list(STEPS)


def test_phases_that_count_on_are_one_run(read_run):
    run = read_run(each(lambda i: f"{'warmup' if i < 9 else 'main'} step {i} loss {loss(i):.4f}"))
    assert (run.x_name, len(run.values)) == ("main step", N)


def test_lines_that_tell_the_same_of_several_things(read):
    models = ["resnet", "vgg", "vit"]
    text = each(lambda i: "\n".join(f"model {m} loss={loss(i):.4f}" for m in models))
    (run,) = (log := read(text)).runs
    assert run.metric == "model resnet loss"
    assert "as good: 'model vgg loss', 'model vit loss'" in log.warnings[0]
    assert len(read(text, equals=True).runs) == 3


@pytest.mark.parametrize("begin", ["Eval begin...", "Validation:", "=== Testing ==="])
def test_sections_are_held_out(read_run, begin):
    text = "".join(
        f"Epoch {e}/6\n"
        + "".join(f"step {s}/200 - loss: {loss(e + s / 200):.4f}\n" for s in range(20, 220, 20))
        + f"{begin}\n"
        + "".join(f"step {s}/30 - loss: {3 + e:.4f}\n" for s in (10, 20, 30))
        for e in range(1, 7)
    )
    run = read_run(text)
    assert (run.x_name, len(run.values)) == ("Epoch, step", 60)
    assert run.values.max() < 7.5
    assert (run.x[1:] > run.x[:-1]).all()


def test_a_line_about_a_validation_that_is_over_is_no_section(read_run):
    text = each(lambda i: f"step {i} loss {loss(i):.4f}" + "\nRunning validation..." * (i % 9 == 0))
    assert len(read_run(text).values) == N
