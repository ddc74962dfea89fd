"""The report: what the page and the Markdown say, and what a browser makes of it."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import browser
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateau.export import LogScan, scan_document
from plateau.logs import read_log
from plateau.logs.model import Log, Run
from plateau.offline import scan_run
from plateau.rule import Rule
from plateau.showing import wording
from plateau.showing.names import named, shortened
from plateau.showing.report import html, markdown
from plateau.showing.report.curves import MARKS, chart, drawn
from plateau.showing.report.markdown import code
from plateau.showing.report.spent import Spent
from plateau.showing.report.standing import NAMED, standing
from plateau.showing.report.thumbnails import HEIGHT, WIDTH, thumbnail

RULE = Rule("haar", window=2, smooth=1, threshold=0.1, patience=3)
LOSS = [8, 6, 4, *[3] * 7, 2, *[1] * 7]
VOID = {"meta", "input", "br", "link", "wbr"}
FORGED = "<script>document.title='forged'</script>"


def run_of(values, name="1", metric="loss", x=None, lr=None, x_name="step"):
    n = len(values)
    x = 100.0 * np.arange(1, n + 1) if x is None else np.asarray(x, dtype=float)
    lr = None if lr is None else np.asarray(lr, dtype=float)
    values, lines = np.asarray(values, dtype=float), np.arange(1, n + 1)
    lr_name = None if lr is None else "lr"
    return Run(name, metric, x_name, "min", values, x, lr, lr_name, lines, x_name == "step")


def scan_of(*runs, path="logs/a.csv", warnings=()):
    log = Log(path, "csv", runs, tuple(warnings))
    return LogScan(log, [scan_run(run, RULE, "row") for run in runs])


@pytest.fixture
def stairs():
    return scan_of(run_of(LOSS, lr=[0.1] * 11 + [0.05] * 7))


class Elements(HTMLParser):
    """The elements of a page as (tag, attributes, text within)."""

    def __init__(self, page):
        super().__init__()
        self.found, self.open = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        element = [tag, dict(attrs), []]
        self.found.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.found.append([tag, dict(attrs), []])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2].append(data)

    def all(self, tag, **attributes):
        return [
            (attrs, " ".join("".join(text).split()))
            for name, attrs, text in self.found
            if name == tag and attributes.items() <= attrs.items()
        ]


def data_of(page):
    ((_, text),) = Elements(page).all("script", id="data")
    return json.loads(text)


def test_a_page_is_whole_and_loads_nothing(stairs):
    page = Elements(html([stairs]))
    assert page.open == []
    addresses = [
        attrs[key] for _, attrs, _ in page.found for key in ("src", "href") if key in attrs
    ]
    assert addresses
    assert all(address.startswith("#") for address in addresses)
    assert {tag for tag, *_ in page.found}.isdisjoint({"link", "img", "iframe", "base", "object"})
    ((policy, _),) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert "default-src 'none'" in policy["content"]


def test_a_page_can_be_read_without_seeing_it(stairs):
    page = Elements(html([stairs, scan_of(run_of(LOSS), path="logs/b.csv")]))
    assert page.all("html", lang="en")
    headings = [tag for tag, *_ in page.found if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert set(headings[1:]) == {"h2"}
    assert all(attrs["scope"] for attrs, _ in page.all("th"))
    pictures = page.all("div", role="img") + page.all("svg", role="img")
    assert len(pictures) == 2 + 1 + 2  # two curves, both together, two thumbnails
    assert all(attrs["aria-label"] for attrs, _ in pictures)
    names = {attrs["id"] for _, attrs, _ in page.found if "id" in attrs}
    wanted = [attrs["aria-labelledby"] for _, attrs, _ in page.found if "aria-labelledby" in attrs]
    assert set(wanted) <= names
    assert {attrs["href"][1:] for attrs, _ in page.all("a")} <= names


def test_the_table_has_the_plateaus_of_a_scan(stairs):
    page = Elements(html([stairs]))
    cells = [text for _, text in page.all("td")]
    record = scan_document([stairs])["logs"][0]["runs"][0]
    first, second = record["plateaus"]
    assert (first["start_x"], first["declared_x"], first["stop_x"]) == (400, 800, 1100)
    assert cells[:6] == ["400", "800", "1,100", "flat", "700", "300"]
    assert cells[9:15] == ["1,200", "1,600", "end", "flat", "700", "300"]
    assert not second["closed"]
    drawn = data_of(html([stairs]))["runs"][0]["plateaus"]
    assert drawn == [
        {"from": p["start_x"], "known": p["declared_x"], "to": p["stop_x"], "kind": "flat"}
        for p in record["plateaus"]
    ]


def test_what_could_be_saved_is_counted_from_where_it_was_known(stairs):
    (found,) = stairs.runs
    spent = Spent(found)
    first, second = found.plateaus
    assert (spent.unit, spent.total, spent.all_flat) == ("step", 1800, 1400)
    assert (spent.savable(first), spent.savable(second)) == (300, 300)
    rows = Spent(scan_of(run_of(LOSS, x_name="epoch")).runs[0])
    assert (rows.unit, rows.total, rows.all_flat, rows.all_savable) == ("row", 18, 14, 6)
    assert rows.share(rows.all_flat) == pytest.approx(found.flat_share)


def test_nobody_saves_the_plateau_of_a_latency():
    scan = scan_of(run_of(LOSS, metric="latency", x_name="time"))
    assert Spent(scan.runs[0]).all_savable == 0
    assert "saved" not in html([scan])
    text = markdown([scan])
    assert "saved" not in text
    assert "Of 18 rows 14 were flat.\n" in text
    both = html([scan, scan_of(run_of(LOSS))])  # a training beside it
    saved = re.findall(r'<td data-heading="could be saved">(.*?)</td>', both)
    assert saved[0] == "-"
    assert saved[1].endswith(" steps")


def test_a_report_begins_with_where_the_runs_stand():
    falling = scan_run(run_of(np.linspace(9, 1, 400)))
    resting = coming_to_rest()
    slow = replace(resting, plateaus=[resting.plateaus[0]._replace(closed=False)])
    runs = named([LogScan(Log("a.csv", "csv", [], ()), [falling, resting, slow])])
    groups = standing([*runs, *runs[:1] * NAMED])
    assert [(group.name, group.runs) for group in groups] == [
        *(("still moving", 1 + NAMED), ("in a slow plateau", 1), ("flat", 1))
    ]
    assert groups[2].places[0].said.startswith("since ")
    assert "as many rows again may bring" in groups[0].places[0].said
    assert len(groups[0].places) == NAMED
    logs = [LogScan(Log(f"{i}.csv", "csv", [], ()), [falling]) for i in range(NAMED + 3)]
    page = html(logs)
    assert page.index("Where the runs stand") < page.index("Runs compared")
    assert "still moving: 15 runs" in page
    assert "and 3 more, in the table" in page


@pytest.mark.parametrize("values", [[], [1.0], [np.nan] * 3, [-1.0, np.inf, 0.0]])
def test_runs_with_little_to_draw(values):
    scan = scan_of(run_of(values)) if values else scan_of(run_of([5.0], lr=[np.nan]))
    page = html([scan])
    assert Elements(page).open == []
    json.dumps(data_of(page), allow_nan=False)
    assert "0 plateaus in 1 run" in markdown([scan])


def test_a_learning_rate_keeps_its_steps_and_nothing_else():
    lr = [np.nan, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05]
    found = scan_of(run_of(range(7), lr=lr)).runs[0]
    assert chart(found, 4000)["lr"] == {"x": [200, 500, 700], "y": [0.1, 0.05, 0.05]}


def test_rows_that_are_not_finite_are_marked():
    values = np.ones(1000)
    values[[0, 1, 2, 500]] = np.nan
    values[-1] = np.inf
    found = scan_of(run_of(values, x=np.arange(1000))).runs[0]
    marks = chart(found, 400)["notFinite"]
    assert len(marks) == 3
    for x in (0, 1, 2, 500, 999):
        assert any(begin <= x <= end for begin, end in marks), x
    assert sum(end - begin for begin, end in marks) == pytest.approx(3 * 999 / MARKS)
    assert "5 rows not finite" in html([scan_of(run_of(values))])


@given(
    st.integers(1, 30_000),
    st.sampled_from([40, 400, 4000]),
    st.integers(0, 2**32 - 1),
)
def test_no_spike_is_lost(n, points, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n)
    spikes = rng.integers(0, n, 5)
    values[spikes] = 100.0 * rng.choice([-1, 1], 5)
    rows = drawn(values, points)
    assert len(rows) <= points
    assert (np.diff(rows) > 0).all()
    # Up and down alike, however close together.
    near = n / (points // 4) if n > points else 0
    for spike in spikes:
        same = rows[values[rows] == values[spike]]
        assert np.abs(same - spike).min(initial=n) <= near + 1


def test_few_values_are_all_drawn():
    assert drawn(np.arange(40.0), 40).tolist() == list(range(40))


def test_many_runs_share_the_points_of_a_page():
    scan = scan_of(run_of(100 * np.random.default_rng(0).normal(size=4500)))  # no plateaus
    one = data_of(html([scan]))["runs"]
    many = data_of(html([replace(scan, runs=scan.runs * 100)]))["runs"]
    assert 2000 < len(one[0]["curve"]["x"]) <= 4000
    assert 1000 < len(many[0]["curve"]["x"]) <= 2000


def test_a_thumbnail_stays_in_its_frame(stairs):
    small = thumbnail(stairs.runs[0])
    points = np.array([point.split(",") for point in small.curve.split()], dtype=float)
    assert ((points >= 0) & (points <= [WIDTH, HEIGHT])).all()
    assert [left + width for left, width, _ in small.bands][-1] == WIDTH
    assert [kind for _, _, kind in small.bands] == ["flat", "flat"]
    assert small.bad == []


def test_a_thumbnail_marks_what_is_not_finite():
    values = np.where(np.arange(1000) < 500, 1.0, np.nan)
    ((left, width),) = thumbnail(scan_of(run_of(values)).runs[0]).bad
    assert (left, left + width) == pytest.approx((WIDTH / 2, WIDTH), abs=1)
    assert html([scan_of(run_of([1.0, np.nan]), run_of(LOSS, "2"))]).count('<rect class="bad"') == 1


def test_runs_of_one_metric_are_compared():
    logs = [
        scan_of(run_of(LOSS, "a"), run_of(LOSS, "b"), path="x/one.csv"),
        scan_of(run_of(LOSS, metric="error"), path="x/two.csv"),
    ]
    page = html(logs)
    (group,) = data_of(page)["compared"]
    assert [(line["name"], line["run"]) for line in group] == [("a", 0), ("b", 1)]
    assert "Levels of loss over step" in page
    assert data_of(html(logs[1:]))["compared"] == []


def test_names_are_short_and_differ():
    assert shortened(["a/b/c.csv", "a/d/c.csv"]) == ["b/c.csv", "d/c.csv"]
    assert shortened(["a/b.csv", "a/b.csv"]) == ["b.csv", "b.csv"]
    assert shortened(["https://host/a", "/host/a"]) == ["https://host/a", "/host/a"]
    scan = scan_of(run_of(LOSS), run_of(LOSS, metric="error"), run_of(LOSS, "2"))
    names = [run.name for run in named([scan])]
    assert names == ["a.csv, run 1, loss", "a.csv, run 1, error", "a.csv, run 2"]


def coming_to_rest(height=1.0):
    """A run that slows down and then rests, or only slows down."""
    at = np.arange(2000)
    noise = 0.02 * np.random.default_rng(1).normal(size=2000)
    return scan_run(run_of(1 + height * np.exp(-at / 300) + noise))


def test_a_slow_plateau_is_counted_and_drawn_apart():
    found = coming_to_rest()
    assert [p.kind for p in found.plateaus] == ["slow", "flat"]
    (flat,) = found.flat
    share = (flat.stop - flat.start) / 2000
    assert found.flat_share == share
    want = f"1 plateau, {share:.0%} of the rows, and 1 slow; the run ends in a plateau."
    assert wording.summary(found) == want
    assert Spent(found).all_flat == Spent(found).flat(flat)
    slow = found.plateaus[0]._replace(declared=found.plateaus[0].start)
    assert Spent(found).savable(slow) == 0
    scan = LogScan(Log("logs/a.csv", "csv", [found.run], ()), [found])
    assert markdown([scan]).startswith("### 1 plateau in 1 run, and 1 slow\n")
    page = html([scan, scan])
    assert "2 plateaus in 2 runs, and 2 slow" in page
    assert page.count('<rect class="slow"') == 2
    assert page.count('<i class="band slow"></i>slow plateau') == 2
    only = replace(found, plateaus=found.plateaus[:1])
    assert wording.summary(only).startswith("1 slow plateau; the run ")
    assert wording.plateaus([only, only], " in 2 runs") == "2 slow plateaus in 2 runs"
    assert (wording.numbers(found), wording.numbers(only)) == ("1 + 1 slow", "0 + 1 slow")


def test_the_markdown_summary(stairs):
    scan = LogScan(Log("logs/a.csv", "csv", stairs.log.runs, ("odd",)), stairs.runs)
    assert markdown([scan]) == (
        "### 2 plateaus in 1 run\n"
        "\n"
        "| run | now | going on would bring | flat | could be saved | plateaus "
        "| metric | level at the end | rows |\n"
        "| :-- | --: | --: | --: | --: | --: | :-- | --: | --: |\n"
        "| `a.csv` | flat since 1,200 | 2 (28.6%) | 78% | 600 steps | 2 | `loss ↓` | 1 | 18 |\n"
        "\n"
        "**`a.csv`**: 2 plateaus, 78% of the rows; the run ends in a plateau. "
        "Of 1,800 steps 1,400 were flat, and 600 (33%) came after the plateau was known.\n"
        "\n"
        "<details><summary>Plateaus</summary>\n"
        "\n"
        "| plateau | from | known at | to | kind | steps | could be saved "
        "| level | slope per row | noise |\n"
        "| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n"
        "| 1 | 400 | 800 | 1,100 | flat | 700 | 300 | 3 | +0.0e+00 | 0 |\n"
        "| 2 | 1,200 | 1,600 | end | flat | 700 | 300 | 1 | +0.0e+00 | 0 |\n"
        "\n"
        "</details>\n"
        "\n"
        "**Warnings**\n"
        "\n"
        "- `logs/a.csv`: `odd`\n"
    )


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("`a``b`", "``` `a``b` ```"),
        ("a|b\nc", "`a|b c`"),
        ("@all <b>", "`@all <b>`"),
        ("", "` `"),
    ],
)
def test_names_in_markdown_are_code(text, want):
    assert code(text) == want


def test_only_a_table_needs_its_bars_kept_apart():
    text = markdown([scan_of(run_of(LOSS), path="a|b", warnings=["c|d"])])
    assert "| `a\\|b` | flat since 1,200" in text
    assert "**`a|b`**: 2 plateaus" in text
    assert "- `a|b`: `c|d`" in text


def test_what_is_not_finite_is_told_wherever_a_run_is():
    values = np.where(np.arange(18) < 16, LOSS, np.nan)
    scan = scan_of(run_of(values), run_of([1.0, np.inf], "two"))
    page = Elements(html([scan]))
    assert page.all("div", **{"class": "alarm"}) == [({"class": "alarm"}, "rows not finite2")]
    cells = [text for _, text in page.all("td")]
    assert "18, 2 not finite" in cells
    assert "2, 1 not finite" in cells
    assert any("1 row is not finite." in text for _, text in page.all("p"))
    text = markdown([scan])
    assert "| 18, 2 not finite |" in text
    assert "the run ends in a plateau. 2 rows are not finite. Of 1,800 steps" in text


def test_a_drop_of_the_rate_to_a_tenth_is_drawn_in_decades():
    drop = [0.1] * 11 + [0.01] * 7
    assert chart(scan_of(run_of(LOSS, lr=drop)).runs[0], 400)["lrLog"]
    assert not chart(scan_of(run_of(LOSS, lr=[0.1] * 11 + [0.05] * 7)).runs[0], 400)["lrLog"]


def test_the_rates_that_a_run_had_are_named_beside_it():
    lr = [0.1] * 9 + [0.01] * 5 + [0.001] * 4
    assert chart(scan_of(run_of(LOSS, lr=lr)).runs[0], 400)["lrTicks"] == [0.1, 0.01, 0.001]
    assert chart(scan_of(run_of(LOSS)).runs[0], 400)["lrTicks"] == []


def test_a_long_name_breaks_between_its_words():
    page = html([scan_of(run_of(LOSS), path="a/lr_0.1<b>.csv"), scan_of(run_of(LOSS), path="a/c")])
    assert ">lr_<wbr>0.<wbr>1&lt;b&gt;.<wbr>csv</a>" in page


def forged():
    """Logs whose every name would be a script if it could."""
    names = {"metric": FORGED, "x_name": f"{FORGED}step"}
    run = run_of(LOSS, FORGED, lr=[0.1] * 18, **names)
    other = run_of(LOSS, f"{FORGED}2", **names)
    path = f"x/{FORGED}/<img src=http://nowhere.invalid/x onerror=alert(1)>"
    return [scan_of(run, other, path=path, warnings=[FORGED]), scan_of(run, path="y")]


def test_names_of_logs_are_text():
    page = Elements(html(forged()))
    assert page.all("img") == []
    assert len(page.all("script")) == 3
    assert any(FORGED in text for _, text in page.all("li"))


# -- In a browser ---------------------------------------------------------------------------


needs_browser = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="no chromium on the PATH (apt install chromium)"
)
READY = "document.querySelector('.plot .main-svg')"


@pytest.fixture
def page_of(tmp_path):
    """Write some scans as a page."""

    def write(*scans):
        path = tmp_path / "report.html"
        path.write_text(html(scans))
        return path

    return write


def check_quiet(page, path):
    assert page.said() == []
    assert page.requested() == [path.as_uri()]


@needs_browser
@pytest.mark.parametrize(("width", "dark"), [(1300, False), (390, True)])
def test_it_renders(page_of, stairs, tmp_path, width, dark):
    path = page_of(stairs, scan_of(run_of(LOSS), path="logs/b.csv"))
    with browser.opened(tmp_path / "profile", width=width, dark=dark, touch=dark) as page:
        page.open(path)
        page.wait("document.querySelectorAll('.plot .main-svg').length >= 2")
        assert page.run("document.getElementById('trouble').hidden")
        assert page.run("document.documentElement.scrollWidth") <= width
        edges = "[...document.querySelectorAll('main *')].map(e => e.getBoundingClientRect().right)"
        assert page.run(f"Math.max(...{edges})") <= width
        paper = "getComputedStyle(document.body).backgroundColor"
        light = page.run(paper) == "rgb(255, 255, 255)"
        assert light != dark
        page.run("document.getElementById('theme').click()")
        assert (page.run(paper) == "rgb(255, 255, 255)") == dark
        check_quiet(page, path)


@needs_browser
def test_hovering_shows_step_value_and_plateau(page_of, stairs, tmp_path):
    path = page_of(stairs)
    with browser.opened(tmp_path / "profile") as page:
        page.open(path)
        page.wait(READY)
        left, top, width = page.run(
            "(box => [box.x, box.y, box.width])"
            "(document.querySelector('.plot .nsewdrag').getBoundingClientRect())"
        )
        # The curve reaches from step 100 to 1800, 600 lies before the first one was known.
        page.hover(left + width * 500 / 1700, top + 30)
        page.wait("document.querySelector('.hoverlayer').textContent")
        text = page.run("document.querySelector('.hoverlayer').textContent")
        assert re.match(r"step 600value 3(\.0*)?plateau 1, not yet knownlearning rate 0.1", text)
        check_quiet(page, path)


@needs_browser
def test_the_switches_work_from_the_keyboard(page_of, stairs, tmp_path):
    path = page_of(stairs)
    axis = "document.querySelector('.plot')._fullLayout"
    with browser.opened(tmp_path / "profile") as page:
        page.open(path)
        page.wait(READY)
        assert page.run(f"{axis}.yaxis.type") == "linear"
        page.run("document.querySelector('.log').focus()")
        page.press(" ")
        page.wait(f"{axis}.yaxis.type === 'log'")
        page.run("document.querySelectorAll('.zoom')[1].focus()")
        page.press("Enter")
        page.wait(f"{axis}.xaxis.range[0] > 900")
        page.run("document.querySelector('.whole').focus()")
        page.press("Enter")
        page.wait(f"{axis}.xaxis.range[0] <= 100")
        check_quiet(page, path)


@needs_browser
def test_a_log_cannot_bring_a_script(page_of, tmp_path):
    path = page_of(*forged())
    with browser.opened(tmp_path / "profile") as page:
        page.open(path)
        page.wait(READY)
        assert page.run("document.title").startswith("Plateaus of")
        assert page.run("document.images.length") == 0
        assert FORGED in page.run("document.querySelector('.xtitle').textContent")
        check_quiet(page, path)


@needs_browser
def test_the_page_is_guarded_against_scripts(page_of, stairs, tmp_path):
    """What the check above would see if a name were not escaped."""
    path = page_of(stairs)
    path.write_text(path.read_text().replace("</main>", f"{FORGED}</main>"))
    with browser.opened(tmp_path / "profile") as page:
        page.open(path)
        page.wait(READY)
        assert page.run("document.title").startswith("Plateaus of")
        assert "Content Security Policy" in str(page.said())


@needs_browser
@pytest.mark.parametrize("name", ["fastface-ms1mv3", "mmdet-nan-lrx10", "wandb-export-nanogpt"])
def test_real_logs_render(page_of, tmp_path, shared_data, name):
    (file,) = (shared_data / "logs" / name).iterdir()
    log = read_log(str(file))
    path = page_of(LogScan(log, [scan_run(run) for run in log.runs]))
    with browser.opened(tmp_path / "profile", height=40_000) as page:
        page.open(path)
        plots = "document.querySelectorAll('.plot')"
        page.wait(f"[...{plots}].every(plot => plot.querySelector('.main-svg'))")
        check_quiet(page, path)
