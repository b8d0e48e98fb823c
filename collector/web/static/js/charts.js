// Adds zoom and a tooltip to the charts of an indicator. The page asks for this module only where
// the bundle exists; whatever goes wrong here leaves the server's picture as it is.
import { init } from "../vendor/echarts.js";

const COLOURS = ["#1a5a9e", "#8a4b08", "#17693b", "#6b2f8f", "#55606e", "#0b6a75"];
const DASHES = ["solid", [7, 3], [2, 3], [9, 3, 2, 3], [4, 4], [12, 4]];
const CROSS = "path://M0 1L1 0L5 4L9 0L10 1L6 5L10 9L9 10L5 6L1 10L0 9L4 5Z";
const NOT_MET = "#ab1f1f";
const INSUFFICIENT = "#7a5200";

function middle(point) {
  return (Date.parse(point.since) + Date.parse(point.until)) / 2;
}

function isLimited(point) {
  return point.void || Object.keys(point.limited_by).some((cause) => cause !== "line");
}

// Text nodes only: names and causes come from hosts and must never be read as markup.
function tooltip(parameters) {
  const [time, value, point] = parameters.value;
  const box = document.createElement("div");
  const lines = [new Date(time).toLocaleString(), `${point.group}  ${value}`, point.note];
  for (const line of lines.filter(Boolean)) {
    const row = document.createElement("div");
    row.textContent = line;
    box.append(row);
  }
  return box;
}

// A line across a time without samples would claim measurements that nobody made.
function withGaps(points, chart, place) {
  const data = [];
  points.forEach((point, number) => {
    const before = points[number - 1];
    if (before && Date.parse(point.since) - Date.parse(before.until) > chart.gap_ms) {
      data.push({ value: [middle(before) + 1, null, before] });
    }
    data.push(place(point));
  });
  return data;
}

function curve(chart, points, name, number) {
  return {
    name,
    type: chart.single ? "scatter" : "line",
    symbolSize: 7,
    showSymbol: chart.single || points.some(isLimited),
    color: COLOURS[number % COLOURS.length],
    lineStyle: { type: DASHES[number % DASHES.length] },
    data: withGaps(points, chart, (point) => ({
      value: [middle(point), point[chart.curve], point],
      symbol: chart.single || isLimited(point) ? "circle" : "none",
      ...(isLimited(point) && {
        itemStyle: { color: "#fff", borderColor: INSUFFICIENT, borderWidth: 2 },
      }),
    })),
  };
}

// The band from smallest to largest: an unseen line, and the distance stacked on it.
function band(chart, points, name, number) {
  const line = (value, areaStyle) => ({
    type: "line",
    stack: name,
    silent: true,
    symbol: "none",
    lineStyle: { opacity: 0 },
    color: COLOURS[number % COLOURS.length],
    areaStyle,
    data: withGaps(points, chart, (point) => ({ value: [middle(point), value(point), point] })),
  });
  return [
    line((point) => point.smallest, undefined),
    line((point) => point.largest - point.smallest, { opacity: 0.16 }),
  ];
}

function series(chart) {
  const groups = [...new Set(chart.points.map((point) => point.group))];
  const drawn = groups.flatMap((group, number) => {
    const valid = chart.points.filter((point) => point.group === group && !point.void);
    const own = curve(chart, valid, group, number);
    if (chart.single || chart.curve === "mean") return [own];
    return [own, ...band(chart, valid, group, number)];
  });
  const excluded = chart.points.filter((point) => point.void);
  if (excluded.length) {
    const data = excluded.map((point) => ({ value: [middle(point), point[chart.curve], point] }));
    drawn.push({ type: "scatter", symbol: CROSS, symbolSize: 8, color: "#55606e", data });
  }
  if (drawn.length) {
    drawn[0].markArea = {
      silent: true,
      data: chart.stripes.map((stripe) => [
        {
          xAxis: Date.parse(stripe.start),
          itemStyle: stripe.kind === "outage"
            ? { color: NOT_MET, opacity: 0.5 }
            : { color: "#e3edf7", opacity: 0.8 },
        },
        { xAxis: Date.parse(stripe.stop) },
      ]),
    };
    if (chart.threshold !== null) {
      drawn[0].markLine = {
        silent: true,
        symbol: "none",
        lineStyle: { color: NOT_MET, width: 2, type: "dashed" },
        label: { position: "insideEndTop", color: NOT_MET },
        data: [{ yAxis: chart.threshold }],
      };
    }
  }
  return drawn;
}

function options(chart) {
  return {
    animation: false,
    aria: { enabled: true },
    grid: { left: 64, right: 24, top: 16, bottom: 76 },
    tooltip: { trigger: "item", formatter: tooltip },
    dataZoom: [{ type: "inside", zoomOnMouseWheel: "ctrl" }, { type: "slider", height: 24 }],
    xAxis: { type: "time", min: Date.parse(chart.since), max: Date.parse(chart.until) },
    yAxis: { type: "value", min: 0, max: chart.top },
    series: series(chart),
  };
}

function enhance(figure, chart) {
  const picture = figure.querySelector("svg.plot");
  const live = document.createElement("div");
  live.className = "chart-live";
  picture.before(live);
  figure.classList.add("enhanced"); // shown before it is drawn, for it takes its size from the page
  try {
    const drawn = init(live, null, { renderer: "svg" });
    drawn.setOption(options(chart));
    new ResizeObserver(() => drawn.resize()).observe(live);
  } catch (error) {
    figure.classList.remove("enhanced");
    live.remove();
    throw error;
  }
}

const figures = [...document.querySelectorAll("figure[data-chart]")];
if (figures.length) {
  const answer = await fetch(figures[0].dataset.points, { headers: { accept: "application/json" } });
  if (answer.ok) {
    const { charts } = await answer.json();
    for (const figure of figures) enhance(figure, charts[Number(figure.dataset.chart)]);
  }
}
