// Charts by uPlot of the figures that a table beside them shows. Stacked bars: each series stands on those before it.
const COLOURS = ["--one", "--two", "--three", "--four", "--five", "--six", "--seven", "--eight"];
const shade = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function stacked(series, count) {
  const sums = new Array(count).fill(0);
  return series.map((one) => one.values.map((value, place) => (sums[place] += value)));
}

function draw(host) {
  const { unit, x, series } = JSON.parse(host.dataset.chart);
  host.replaceChildren();
  if (!x.length || !series.length) return;
  const tops = stacked(series, x.length).reverse();
  const shown = [...series].reverse();
  const text = (value) => (value == null ? "" : value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 2 }) + (unit ? " " + unit : ""));
  const axis = { stroke: shade("--soft"), grid: { stroke: shade("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const bars = uPlot.paths.bars({ size: [0.7, 40] });
  new uPlot({
    width: host.clientWidth, height: host.clientHeight - 34,
    scales: { x: { time: false, range: [-0.6, x.length - 0.4] }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.06 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, splits: () => { const step = Math.max(1, Math.ceil(x.length / Math.max(2, host.clientWidth / 90))); return x.map((_, place) => place).filter((place) => place % step === 0); }, values: (_, places) => places.map((place) => (x[place] ?? "").replace(/^\d{4}-(\d\d-\d\d)$/, "$1")) },
      { ...axis, size: 58, values: (_, values) => values.map((value) => value.toLocaleString(document.documentElement.lang)) },
    ],
    series: [
      { label: "\u00a0", value: (_, place) => x[place] ?? "" },
      ...shown.map((one, place) => ({ label: one.label, fill: shade(COLOURS[(series.length - 1 - place) % COLOURS.length]), stroke: shade(COLOURS[(series.length - 1 - place) % COLOURS.length]), width: 0, paths: bars, points: { show: false }, value: (_plot, _value, _series, at) => text(at == null ? null : one.values[at]) })),
    ],
    cursor: { y: false, points: { show: false } },
  }, [x.map((_, place) => place), ...tops], host);
}

const charts = document.querySelectorAll("[data-chart]");
const drawAll = () => charts.forEach(draw);
drawAll();
let waiting = 0;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 150); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
