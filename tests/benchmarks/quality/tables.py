"""Figures as Markdown tables."""

from tests.benchmarks.pages import ABSENT, table


def share(value):
    """Two decimals, without the leading 0."""
    return (
        ABSENT if value is None else f"{value:.2f}".replace("0.", ".", 1) if value < 1 else "1.00"
    )


def with_interval(figures, key):
    """A share and its interval."""
    if figures.get(key) is None:
        return ABSENT
    low, high = figures[f"{key} interval"]
    return f"{share(figures[key])} [{share(low)}, {share(high)}]"


def ratio(value):
    """Achieved over nominal; infinite where nothing happened."""
    return "∞" if value is None else f"{value:.2g}"


def rate(value):
    """Something per 1,000 samples."""
    return ABSENT if value is None else f"{value:.2g}"


def number(value):
    """A count or a number of samples."""
    return ABSENT if value is None else f"{value:,.0f}"


def onset_cells(last, first):
    """Cells of one row: the plateau standing at the end, then the first declared."""
    return [
        with_interval(last, "hit@50"),
        share(last["hit@50, late"]),
        share(last["hit@100"]),
        number(last["median error"]),
        share(last["missed"]),
        with_interval(first, "hit@50"),
        share(first.get("hit@100")),
        with_interval(first, "early"),
        number(first.get("delay")),
    ]


def onset_table(results, part):
    """Onset of the steady state: both readings."""
    header = ["row", "hit@50, standing at the end", "late", "hit@100", "median error", "missed"]
    header += ["hit@50, first declared", "hit@100", "early", "delay"]
    lines = [
        [name, *onset_cells(own[part]["standing"], own[part].get("first", {}))]
        for name, own in results.items()
    ]
    return table(header, lines)


def never_table(results):
    """Series that are never steady."""
    keys = ["ever flat", "flat at the end"]
    lines = [
        [name, *(share(own["jmh_cpssd"]["never steady"][key]) for key in keys)]
        for name, own in results.items()
    ]
    return table(["row", *keys], lines)


def project_table(results, part):
    """Hits of the plateau standing at the end, project by project."""
    projects = list(next(own[part]["projects"] for own in results.values()))
    sizes = next(iter(results.values()))[part]["projects"]
    header = ["row", *(f"{p.split('__')[-1]} ({sizes[p][1]})" for p in projects)]
    lines = [
        [name, *(str(own[part]["projects"][p][0]) for p in projects)]
        for name, own in results.items()
    ]
    return table(header, lines)


def lr_drop_table(results):
    """Learning-rate drops."""
    keys = ["before", "before, told", "standing", "ended", "plateaus"]
    total = next(iter(results.values()))["lr_drop"]["drops"]
    lines = [[name, *(str(own["lr_drop"][k]) for k in keys)] for name, own in results.items()]
    return table([f"row (of {total} drops)", *keys], lines)


def change_cell(value, key):
    return rate(value) if key == "false exits" else share(value)


def change_table(results):
    """Change points."""
    columns = [("tcpd", key) for key in ("F1", "covering")]
    process = ("F1", "covering", "answered", "false exits")
    columns += [(part, key) for part in ("skab", "tep") for key in process]
    lines = [
        [name, *(change_cell(own.get(part, {}).get(key), key) for part, key in columns)]
        for name, own in results.items()
    ]
    return table(["row", *(f"{p} {k}" for p, k in columns)], lines)


def alarm(own):
    """False alarms per 1,000 samples and, where it is known, achieved over nominal run length."""
    if "over nominal" not in own:
        return rate(own["per 1,000"])
    low, high = map(ratio, own["over nominal interval"])
    return f"{rate(own['per 1,000'])} ({ratio(own['over nominal'])} [{low}, {high}])"


def alarm_table(results):
    """False alarms on flat streams."""
    names = list(next(iter(results.values()))["calibration"]["flat"])
    lines = [
        [name, *(alarm(own["calibration"]["flat"][noise]) for noise in names)]
        for name, own in results.items()
    ]
    return table(["row", *names], lines)


def flat_table(results):
    """Share of the time that flat streams are called flat."""
    names = list(next(iter(results.values()))["calibration"]["flat"])
    lines = [
        [name, *(share(own["calibration"]["flat"][noise]["flat share"]) for noise in names)]
        for name, own in results.items()
    ]
    return table(["row", *names], lines)


def moving_cell(own):
    """Share of the time called flat, and what remained at the first declaration."""
    left = own["remaining"]
    return share(own["flat share"]) + ("" if left is None else f" ({100 * left:.1f} %)")


def moving_table(results):
    """Flatness on streams that move."""
    names = list(next(iter(results.values()))["calibration"]["moving"])
    lines = [
        [
            name,
            *(moving_cell(own["calibration"]["moving"][curve]) for curve in names),
            share(own["calibration"]["random walk"]["flat share"]),
        ]
        for name, own in results.items()
    ]
    return table(["row", *names, "random walk"], lines)


def fact(own):
    """What a log's check found, in a few words."""
    mark = "" if own["ok"] else "**no** "
    if "drops" in own:
        return f"{mark}{own['ended']} ended, {own['outside']} outside, {own['through']} through"
    if "flat share" in own:
        return f"{mark}{100 * own['flat share']:.1f} % flat"
    if "verdict" in own:
        flat = [name for name, there in own["flat at the end"].items() if there]
        return mark + (f"flat: {', '.join(flat)}" if flat else own["verdict"] or "not flat")
    return f"{mark}{own['plateaus']} plateaus" + (
        f", {own['broken']} broken" if "broken" in own else ""
    )


def logs_table(results):
    """Real logs."""
    names = list(next(iter(results.values()))["logs"])
    lines = [[name, *(fact(own["logs"][n]) for n in names)] for name, own in results.items()]
    return table(["row", *names], lines)


def fine(value):
    """Four decimals, without the leading 0."""
    return f"{value:.4f}".replace("0.", ".", 1) if value < 1 else "1.0000"


def marks_table(results):
    """What two people marked as flat."""
    header = ["row", "F1", "recall", "precision", "of moving", "of slow"]
    lines = []
    for name, own in results.items():
        found = own["marks"]["all"]
        measures = [share(found[key]) for key in ("F1", "recall", "precision", "slow")]
        lines.append([name, *measures[:3], f"{found['moving']:.3f}".lstrip("0"), measures[3]])
    return table(header, lines)


def marks_length_table(results):
    """The same by the length of the series."""
    first = next(iter(results.values()))["marks"]
    names = [name for name in first if name != "all"]
    header = ["row", *(f"{name} ({first[name]['series']})" for name in names)]
    lines = [
        [name, *(f"{share(own[n]['F1'])} ({own[n]['moving']:.3f})" for n in names)]
        for name, own in ((name, figures["marks"]) for name, figures in results.items())
    ]
    return table(header, lines)


def stopping_cells(found):
    """Cells of one row for one group of curves."""
    return [
        share(found["saved"]),
        fine(found["regret"]),
        share(found["plain"]),
        share(found["scaled"]),
    ]


def stopping_table(results, names):
    """What stopping saves and costs, beside patience chosen in hindsight for the same cost."""
    first = next(iter(results.values()))["stopping"]
    header = ["row"]
    for name in names:
        header += [f"{name} ({first[name]['curves']:,}): saved", "regret", "plain", "scaled"]
    lines = []
    for name, own in results.items():
        found = [own["stopping"][each] for each in names]
        cells = (
            [share(f["saved"]), fine(f["regret"]), share(f["plain"]), share(f["scaled"])]
            for f in found
        )
        lines.append([name, *(cell for four in cells for cell in four)])
    return table(header, lines)
