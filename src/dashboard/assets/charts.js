// Draws charts with uPlot: stacked bars or lines, with a tooltip that follows the pointer. What is not over yet, the last
// place of an open chart, is hatched or dotted.
const COLOURS = ["--one", "--two", "--three", "--four", "--five", "--six", "--seven", "--eight"];
const shade = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const language = document.documentElement.lang || "en";

// Writes values as the page does: amounts with their currency, percentages, counts.
function writer(unit, digits) {
  if (unit === "%") {
    const format = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
    return (value) => format.format(value / 100);
  }
  const style = unit ? { style: "currency", currency: unit } : {};
  const format = new Intl.NumberFormat(language, { ...style, minimumFractionDigits: unit ? Math.min(2, digits) : 0, maximumFractionDigits: digits });
  return (value) => format.format(value).replace("-", "\u2212");
}

function box(host, { kind, x, unit, series, open, so_far, total }) {
  const sheet = document.createElement("div");
  sheet.className = "tip";
  sheet.hidden = true;
  const write = writer(unit, unit ? 4 : 0);
  const figure = (value) => (value == null ? "—" : write(value));
  const line = (text, name, number) => {
    const made = document.createElement("span");
    made.className = name;
    if (number != null) made.style.setProperty("--shade", `var(${COLOURS[number % COLOURS.length]})`);
    made.textContent = text;
    return made;
  };
  const show = (plot) => {
    const place = plot.cursor.idx;
    sheet.hidden = place == null || plot.cursor.left < 0;
    if (sheet.hidden) return;
    const title = document.createElement("strong");
    title.textContent = open && place === x.length - 1 ? `${x[place]}, ${so_far}` : x[place];
    const lines = series.map((one, number) => line(`${one.label}: ${figure(one.values[place])}`, "", number));
    if (kind === "bars" && series.length > 1) {
      const sum = series.reduce((all, one) => all + (one.values[place] ?? 0), 0);
      lines.push(line(`${total}: ${figure(sum)}`, "sum"));
    }
    sheet.replaceChildren(title, ...lines);
    const left = plot.cursor.left + plot.over.offsetLeft;
    const room = host.clientWidth - sheet.offsetWidth - 4;
    sheet.style.left = Math.max(0, Math.min(room, left + 14 > room ? left - sheet.offsetWidth - 14 : left + 14)) + "px";
  };
  return { hooks: { setCursor: show, ready: () => host.append(sheet) } };
}

// Stripes of a colour, for bars that still grow.
function hatched(colour) {
  const tile = document.createElement("canvas");
  const size = 6 * devicePixelRatio;
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  pen.fillStyle = shade("--panel");
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = colour;
  pen.lineWidth = size / 3;
  for (const shift of [-size, 0, size]) {
    pen.beginPath();
    pen.moveTo(shift - 1, size + 1);
    pen.lineTo(shift + size + 1, -1);
    pen.stroke();
  }
  return pen.createPattern(tile, "repeat");
}

function draw(host) {
  const chart = JSON.parse(host.dataset.chart);
  const { kind, unit, x, brief, series } = chart;
  host.replaceChildren();
  if (!x.length || !series.length) return;
  const bars = kind === "bars";
  const last = x.length - 1;
  const sums = new Array(x.length).fill(0);
  // Stacked bars are drawn as running sums, tallest first, so that each covers the lower part of the one before.
  const values = series.map((one) => (bars ? one.values.map((value, place) => (sums[place] += value ?? 0)) : one.values));
  const lines = values.map((data, number) => ({ data, number, colour: shade(COLOURS[number % COLOURS.length]) }));
  if (bars) lines.reverse();
  // What is open is a series of its own: the last bar, or the last piece of a line.
  const drawn = lines.flatMap((line) => {
    if (!chart.open) return [line];
    const begin = bars ? last : last - 1;
    const closed = line.data.map((value, place) => (place === last ? null : value));
    const rest = line.data.map((value, place) => (place < begin ? null : value));
    return [{ ...line, data: closed }, { ...line, data: rest, open: true }];
  });
  const axis = { stroke: shade("--soft"), grid: { stroke: shade("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const longest = Math.max(...brief.map((text) => text.length));
  const every = Math.max(1, Math.ceil(x.length / Math.max(2, host.clientWidth / (longest * 8 + 20))));
  const write = writer(unit, 4);
  // Lines also differ in dashes, not in colour alone.
  const look = ({ colour, number, open }) => bars
    ? { fill: open ? hatched(colour) : colour, stroke: colour, width: 0, paths: uPlot.paths.bars({ size: [0.7, 40] }), points: { show: false } }
    : { stroke: colour, width: 2, dash: open ? [2, 4] : number % 2 ? [7, 4] : undefined, points: { show: x.length === 1, fill: colour }, spanGaps: !open };
  new uPlot({
    width: host.clientWidth, height: host.clientHeight,
    scales: {
      x: { time: false, range: bars || x.length === 1 ? [-0.6, x.length - 0.4] : [-0.2, x.length - 0.8] },
      y: { range: (_, low, high) => (unit === "%" ? [0, 105] : [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1]) },
    },
    axes: [
      { ...axis, size: 30, grid: { show: false }, splits: () => x.map((_, place) => place).filter((place) => place % every === 0), values: (_, places) => places.map((place) => brief[place] ?? "") },
      { ...axis, size: 66, values: (_, ticks) => ticks.map((value) => (unit === "%" && value > 100 ? "" : write(value))) },
    ],
    series: [{}, ...drawn.map(look)],
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
