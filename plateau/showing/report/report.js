"use strict";

// Draws the curves when they come into view, and redraws them when the colours change.

const data = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
const narrow = matchMedia("(max-width: 40rem)");
const touch = matchMedia("(pointer: coarse)");

const LABELLED = 24; // plateaus that get their number in the curve

// A colour of the style sheet as the page shows it now, light or dark.
const probe = document.body.appendChild(document.createElement("span"));
function colour(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

// Names from a log are text: Plotly would take some tags for what they say.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

const textSize = () => (narrow.matches ? 11 : 13);

function axis(more) {
  return {
    color: colour("quiet"),
    gridcolor: colour("rule"),
    zeroline: false,
    automargin: true,
    exponentformat: "power",
    fixedrange: touch.matches,
    ...more,
  };
}

function layout(more) {
  return {
    paper_bgcolor: colour("paper"),
    plot_bgcolor: colour("paper"),
    font: { color: colour("ink"), family: "system-ui, sans-serif", size: textSize() },
    margin: { l: 40, r: 10, t: 10, b: 40 },
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: colour("raised"), font: { color: colour("ink") } },
    dragmode: touch.matches ? false : "zoom",
    uirevision: "kept", // zoom stays when colours change
    ...more,
  };
}

// Which plateau a place in x belongs to, in words.
function plateauAt(run, x) {
  const number = run.plateaus.findLastIndex((p) => p.from <= x && x <= p.to);
  if (number < 0) return "no plateau";
  const { known, kind } = run.plateaus[number];
  const name = kind === "slow" ? "slow plateau" : "plateau";
  return `${name} ${number + 1}, ${known === null || x < known ? "not yet known" : "known"}`;
}

function rateAt(run, x) {
  const step = run.lr ? run.lr.x.findLastIndex((begin) => begin <= x) : -1;
  return step < 0 ? "" : `<br>learning rate ${run.lr.y[step]}`;
}

function lines(run) {
  const drawn = [
    {
      ...run.curve,
      line: { color: colour("curve"), width: 1 },
      customdata: run.curve.x.map((x) => plateauAt(run, x) + rateAt(run, x)),
      hovertemplate: "value %{y:.5g}<br>%{customdata}<extra></extra>",
    },
    {
      ...run.level,
      line: { color: colour("level"), width: 2 },
      hovertemplate: "level %{y:.5g}<extra></extra>",
    },
  ];
  if (run.heldOut) {
    drawn.push({
      ...run.heldOut,
      line: { color: colour("heldout"), width: 1.5 },
      hovertemplate: "held out %{y:.5g}<extra></extra>",
    });
  }
  if (run.lr && run.lr.x.length) {
    drawn.push({
      ...run.lr,
      yaxis: "y2",
      hoverinfo: "skip", // it has points at its steps only: the curve's text tells it
      line: { color: colour("rate"), width: 1.5, shape: "hv" },
    });
  }
  return drawn.map((line) => ({ type: "scatter", mode: "lines", ...line }));
}

function shades(run) {
  const within = { yref: "y domain", y0: 0, y1: 1, layer: "below" };
  const upright = (x, dash) => ({
    ...within, type: "line", x0: x, x1: x, line: { color: colour("flat"), width: 1.5, dash },
  });
  const bands = run.plateaus.flatMap((p) => [
    { ...within, type: "rect", x0: p.from, x1: p.to, fillcolor: colour(p.kind === "slow" ? "slow" : "shade"), line: { width: 0 } },
    upright(p.from, "solid"),
    ...(p.known === null ? [] : [upright(p.known, "dash")]),
  ]);
  const bad = run.notFinite.map(([from, to]) => ({
    ...within, type: "rect", x0: from, x1: to, y1: 0.025, fillcolor: colour("bad"), line: { width: 0 },
  }));
  return [...bands, ...bad];
}

function numbers(run) {
  if (run.plateaus.length > LABELLED) return [];
  return run.plateaus.map((p, i) => ({
    x: p.from, y: 1, yref: "y domain", xanchor: "left", yanchor: "top",
    text: `${i + 1}`, showarrow: false, font: { color: colour("flat") },
  }));
}

function scale(node) {
  return node.closest("figure").querySelector(".log").checked ? "log" : "linear";
}

// The rates that the run had are what one wants to read, not round numbers.
function rateScale(run) {
  return { type: run.lrLog ? "log" : "linear", tickvals: run.lrTicks, tickformat: ".3~g" };
}

// Plotly would write the numbers between two powers small, and the powers large.
function valueScale(node) {
  const type = scale(node);
  return type === "log" ? { type, tickformat: "~g", nticks: 4 } : { type };
}

// Spikes do not set the height; all that the curve has is seen by the button for the whole run.
function seen(run, node) {
  if (run.heights === null) return {};
  const [low, high] = scale(node) === "log" ? run.heights.map(Math.log10) : run.heights;
  if (!Number.isFinite(low)) return {}; // of numbers below 0, drawn on a logarithmic scale
  const beside = 0.05 * (high - low);
  return { range: [low - beside, high + beside] };
}

// Times are dates; other numbers are as they are.
function place(run) {
  return run.clock
    ? { axis: { type: "date" }, value: "%{x|%Y-%m-%d %H:%M:%S}" }
    : { axis: { exponentformat: "SI" }, value: "%{x:,.8~r}" };
}

function runFigure(node) {
  const run = data.runs[node.dataset.run];
  const rates = run.lr && run.lr.x.length > 0;
  return {
    data: lines(run),
    layout: layout({
      shapes: shades(run),
      annotations: numbers(run),
      xaxis: axis({
        ...place(run).axis,
        title: { text: plain(run.xName) },
        anchor: rates ? "y2" : "y",
        unifiedhovertitle: { text: `${plain(run.xName)} ${place(run).value}` },
        spikecolor: colour("quiet"),
        spikethickness: 1,
      }),
      yaxis: axis({
        ...valueScale(node),
        ...seen(run, node),
        uirevision: scale(node),
        domain: [rates ? 0.27 : 0, 1],
      }),
      yaxis2: axis({ ...rateScale(run), domain: [0, 0.2], visible: rates }),
    }),
  };
}

function comparedFigure(node) {
  const group = data.compared[node.dataset.group];
  const shown = place(data.runs[group[0].run]);
  return {
    data: group.map((line) => ({
      ...data.runs[line.run].level,
      type: "scatter",
      mode: "lines",
      name: plain(line.name),
      line: { color: colour(`hue-${line.hue}`), dash: line.dash, width: 2 },
      hovertemplate: `%{fullData.name}<br>${shown.value}: %{y:.5g}<extra></extra>`,
    })),
    layout: layout({
      hovermode: "closest",
      margin: { l: 40, r: 10, t: 10, b: 25 },
      xaxis: axis(shown.axis),
      yaxis: axis(valueScale(node)),
    }),
  };
}

function draw(node) {
  const figure = node.dataset.run === undefined ? comparedFigure(node) : runFigure(node);
  const config = { responsive: true, displayModeBar: false };
  return Plotly.react(node, figure.data, figure.layout, config);
}

const plots = () => document.querySelectorAll(".plot");
const redraw = () => document.querySelectorAll(".js-plotly-plot").forEach(draw);

function setTheme(dark) {
  root.style.colorScheme = dark ? "dark" : "light";
  document.getElementById("theme").setAttribute("aria-pressed", dark);
}

// The range in y of what is drawn in a range of x: Plotly would take all of the curve.
function heights(node, from, to) {
  const { x, y } = data.runs[node.dataset.run].curve;
  const seen = y.filter((_, i) => from <= x[i] && x[i] <= to);
  if (seen.length === 0) return null; // a short plateau of a long run; null is as Plotly likes
  const shown = scale(node) === "log" ? seen.map(Math.log10) : seen;
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  const beside = 0.08 * (high - low) || 1;
  return [low - beside, high + beside];
}

function zoom(button) {
  const node = button.closest("section").querySelector(".plot");
  const plateau = data.runs[node.dataset.run].plateaus[button.dataset.plateau];
  const beside = 0.3 * (plateau.to - plateau.from) || 1;
  const [from, to] = [plateau.from - beside, plateau.to + beside];
  Plotly.relayout(node, { "xaxis.range": [from, to], "yaxis.range": heights(node, from, to) });
  node.scrollIntoView({ block: "nearest" });
}

function listen() {
  document.querySelectorAll(".log").forEach((box) =>
    box.addEventListener("change", () => draw(box.closest("figure").querySelector(".plot"))));
  document.querySelectorAll(".zoom").forEach((button) =>
    button.addEventListener("click", () => zoom(button)));
  document.querySelectorAll(".whole").forEach((button) =>
    button.addEventListener("click", () => {
      const node = button.closest("figure").querySelector(".plot");
      Plotly.relayout(node, { "xaxis.autorange": true, "yaxis.autorange": true });
    }));
  document.getElementById("theme").addEventListener("click", () => {
    setTheme(root.style.colorScheme === "light");
    redraw();
  });
  addEventListener("beforeprint", () => plots().forEach(draw));
}

async function loadPlotly() {
  const text = atob(document.getElementById("plotly").textContent);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(unpacked).text();
  document.head.append(script);
}

async function start() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  setTheme(system.matches);
  system.addEventListener("change", () => { setTheme(system.matches); redraw(); });
  await loadPlotly();
  listen();
  const seen = new IntersectionObserver(
    (entries) => entries.filter((e) => e.isIntersecting).forEach((e) => {
      seen.unobserve(e.target);
      draw(e.target);
    }),
    { rootMargin: "600px" },
  );
  plots().forEach((node) => seen.observe(node));
}

start().catch((error) => {
  const trouble = document.getElementById("trouble");
  trouble.textContent = `The curves cannot be drawn in this browser: ${error.message}`;
  trouble.hidden = false;
});
