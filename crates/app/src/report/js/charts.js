// Charts: one host per chart with its description, redrawn when the theme or the width changes.

const narrowBelow = 560;

/** The colours of the current theme. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (key) => style.getPropertyValue(`--${key}`).trim();
  return Object.fromEntries(
    ["text", "muted", "line", "surface", "accent", "band", "good", "bad", "warn", "quiet", "second"].map((key) => [key, colour(key)]),
  );
}

/** The page's font by name: a chart measures its texts with it. */
const fontStack = () => getComputedStyle(document.body).fontFamily;

/** Draws `build(colours, narrow)` into a new element of the given height. */
function chart(description, height, build) {
  const host = el("div", { class: "chart", role: "img", "aria-label": description, style: `height:${height}px` });
  const entry = { host, build, description, drawing: null, narrow: null };
  drawn.push(entry);
  return { host, redraw: () => draw(entry) };
}

function draw(entry) {
  const width = entry.host.clientWidth;
  if (width === 0) return;
  entry.drawing ??= echarts.init(entry.host, null, { renderer: "svg" });
  entry.narrow = width < narrowBelow;
  const colours = palette();
  entry.drawing.setOption({
    animation: false,
    aria: { enabled: true, label: { description: entry.description } },
    textStyle: { fontFamily: fontStack(), color: colours.text },
    ...entry.build(colours, entry.narrow),
  }, { notMerge: true });
}

function watchCharts() {
  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const entry = drawn.find((known) => known.host === target);
      if (!entry || target.clientWidth === 0) continue;
      entry.drawing?.resize();
      if (entry.narrow !== target.clientWidth < narrowBelow) draw(entry);
    }
  });
  drawn.forEach((entry) => {
    draw(entry);
    widths.observe(entry.host);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));
}

const axisStyle = (colours) => ({
  axisLine: { lineStyle: { color: colours.line } },
  axisTick: { lineStyle: { color: colours.line } },
  axisLabel: { color: colours.muted, fontSize: 12 },
  splitLine: { lineStyle: { color: colours.line } },
  nameTextStyle: { color: colours.muted, fontSize: 12 },
});

/** A tooltip whose lines are text: `lines(parameters)` gives [[label, value], ...] with an optional heading first. */
function tooltip(colours, trigger, lines) {
  return {
    trigger,
    confine: true,
    backgroundColor: colours.surface,
    borderColor: colours.line,
    textStyle: { color: colours.text, fontSize: 13 },
    axisPointer: { lineStyle: { color: colours.muted }, shadowStyle: { opacity: 0.15 } },
    formatter: (parameters) => {
      const [heading, ...rest] = lines(parameters);
      return el("div", { class: "tip" }, el("strong", {}, heading),
        rest.map(([label, value]) => el("div", {}, `${label}: ${value}`)));
    },
  };
}

/** A filled band between two lines: points are [x, low, high] in the units of the axes. */
function band(label, points, colour, axes = {}) {
  return {
    name: label, type: "custom", ...axes, silent: true, clip: true, z: 1,
    itemStyle: { color: colour }, color: colour,
    encode: { x: 0, y: [1, 2] },
    data: points,
    renderItem: (parameters, api) => {
      if (parameters.dataIndex !== 0) return null;
      const upper = points.map(([x, , high]) => api.coord([x, high]));
      const lower = points.map(([x, low]) => api.coord([x, low])).reverse();
      return { type: "polygon", shape: { points: [...upper, ...lower] }, style: { fill: colour } };
    },
  };
}

/** Horizontal bars from `from` to `to`, coloured each, with a text at their right end: [{label, from, to, colour, text}]. */
function barsOption(colours, narrow, bars, axisName) {
  const height = narrow ? 16 : 20;
  return {
    grid: { left: narrow ? 118 : 190, right: narrow ? 84 : 120, top: 8, bottom: 44 },
    tooltip: tooltip(colours, "item", ({ dataIndex }) => [bars[dataIndex].label, ["Amount", bars[dataIndex].text]]),
    xAxis: {
      type: "value", name: axisName, nameLocation: "middle", nameGap: 28, splitNumber: narrow ? 3 : 6, ...axisStyle(colours),
      axisLabel: { color: colours.muted, formatter: moneyShort, hideOverlap: true },
    },
    yAxis: {
      type: "category", inverse: true, data: bars.map((bar) => bar.label), ...axisStyle(colours), splitLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: colours.text, fontSize: narrow ? 12 : 13, lineHeight: 15, width: narrow ? 110 : 180, overflow: "break", interval: 0 },
    },
    series: [{
      type: "custom", encode: { x: [1, 2], y: 0 }, data: bars.map((bar, at) => [at, bar.from, bar.to]),
      renderItem: ({ dataIndex }, api) => {
        const bar = bars[dataIndex];
        const [from, y] = api.coord([bar.from, dataIndex]);
        const [to] = api.coord([bar.to, dataIndex]);
        const left = Math.min(from, to);
        const right = Math.max(from, to);
        return {
          type: "group",
          children: [
            { type: "rect", shape: { x: left, y: y - height / 2, width: Math.max(right - left, 1), height, r: 2 }, style: { fill: bar.colour } },
            { type: "text", x: right + 6, y, style: { text: bar.text, fill: colours.text, font: `${narrow ? 11 : 13}px ${fontStack()}`, verticalAlign: "middle" } },
          ],
        };
      },
    }],
  };
}

