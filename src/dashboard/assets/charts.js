// Draws charts with uPlot: stacked bars or lines, with a tooltip that follows the pointer.
const COLOURS = ["--one", "--two", "--three", "--four", "--five", "--six", "--seven", "--eight"];
const shade = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// With a decimal point, as in the tables.
const written = (value, most) => value.toLocaleString("en", { maximumFractionDigits: most, useGrouping: false });

// Shortens 2026-11-24 to 11-24, and hours to 11-24 09:00.
const brief = (label) => label.replace(/^\d{4}-(\d\d-\d\d)$/, "$1").replace(/^\d{4}-(\d\d-\d\d)T(\d\d:\d\d).*$/, "$1 $2");

function box(host, { x, unit, series }) {
  const sheet = document.createElement("div");
  sheet.className = "tip";
  sheet.hidden = true;
  const figure = (value) => (value == null ? "—" : written(value, unit === "%" ? 0 : 4) + (unit ? " " + unit : ""));
  const show = (plot) => {
    const place = plot.cursor.idx;
    sheet.hidden = place == null || plot.cursor.left < 0;
    if (sheet.hidden) return;
    const title = document.createElement("strong");
    title.textContent = x[place];
    const lines = series.map((one, number) => {
      const line = document.createElement("span");
      line.style.setProperty("--shade", `var(${COLOURS[number % COLOURS.length]})`);
      line.textContent = `${one.label}: ${figure(one.values[place])}`;
      return line;
    });
    sheet.replaceChildren(title, ...lines);
    const left = plot.cursor.left + plot.over.offsetLeft;
    const room = host.clientWidth - sheet.offsetWidth - 4;
    sheet.style.left = Math.max(0, Math.min(room, left + 14 > room ? left - sheet.offsetWidth - 14 : left + 14)) + "px";
  };
  return { hooks: { setCursor: show, ready: () => host.append(sheet) } };
}

function draw(host) {
  const chart = JSON.parse(host.dataset.chart);
  const { kind, unit, x, series } = chart;
  host.replaceChildren();
  if (!x.length || !series.length) return;
  const bars = kind === "bars";
  const sums = new Array(x.length).fill(0);
  // Stacked bars are drawn as running sums, tallest first, so that each covers the lower part of the one before.
  const values = series.map((one) => (bars ? one.values.map((value, place) => (sums[place] += value ?? 0)) : one.values));
  const drawn = values.map((data, number) => ({ data, label: series[number].label, colour: shade(COLOURS[number % COLOURS.length]) }));
  if (bars) drawn.reverse();
  const axis = { stroke: shade("--soft"), grid: { stroke: shade("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const every = Math.max(1, Math.ceil(x.length / Math.max(2, host.clientWidth / 80)));
  // Lines also differ in dashes, not in colour alone.
  const one = (line, number) => bars
    ? { fill: line.colour, stroke: line.colour, width: 0, paths: uPlot.paths.bars({ size: [0.7, 40] }), points: { show: false } }
    : { stroke: line.colour, width: 2, dash: number % 2 ? [7, 4] : undefined, points: { show: x.length === 1, fill: line.colour }, spanGaps: true };
  new uPlot({
    width: host.clientWidth, height: host.clientHeight,
    scales: {
      x: { time: false, range: bars || x.length === 1 ? [-0.6, x.length - 0.4] : [-0.2, x.length - 0.8] },
      y: { range: (_, low, high) => (unit === "%" ? [0, 105] : [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1]) },
    },
    axes: [
      { ...axis, size: 30, grid: { show: false }, splits: () => x.map((_, place) => place).filter((place) => place % every === 0), values: (_, places) => places.map((place) => brief(x[place] ?? "")) },
      { ...axis, size: 58, values: (_, ticks) => ticks.map((value) => (unit === "%" && value > 100 ? "" : written(value, 4))) },
    ],
    series: [{}, ...drawn.map((line, number) => ({ label: line.label, ...one(line, number) }))],
    cursor: { y: false, points: { show: !bars }, drag: { x: false, y: false } },
    legend: { show: false },
    plugins: [box(host, chart)],
  }, [x.map((_, place) => place), ...drawn.map((line) => line.data)], host);
}

const charts = document.querySelectorAll("[data-chart]");
const drawAll = () => charts.forEach(draw);
drawAll();
let waiting = 0;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 150); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
// Print in light colours.
const root = document.documentElement;
let worn;
addEventListener("beforeprint", () => { worn = root.dataset.theme; root.dataset.theme = "light"; drawAll(); });
addEventListener("afterprint", () => { if (worn) root.dataset.theme = worn; else delete root.dataset.theme; drawAll(); });
