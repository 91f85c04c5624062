// Lift curves with their bands, and forecasts beside history.

const itemOption = (index, value) => ({ value, label: itemName(index), group: data.items[index].category });

function showLift() {
  const host = section("lift");
  if (data.curves.length === 0) return void add(host, text("No response to show."));
  const place = el("div", {});
  const show = (at) => place.replaceChildren(...liftOf(data.curves[at]));
  const options = data.curves.map((curve, at) => itemOption(curve.item, at)).sort(byName);
  add(host,
    note("Expected demand on promotion against ", term("baseline"), ", by how much is taken off the price. The band is the ", term("interval"), "; a dot is a depth that the plan may choose."),
    picker("Item", options, show), place);
  showEdits(host);
  show(options[0].value);
}

function liftOf(curve) {
  const price = Object.fromEntries(curve.effects).own_price;
  const [tone, label, meaning] = effectStatus[price.status];
  const last = curve.curve.at(-1)[0];
  const drawing = chart(`Lift of ${itemName(curve.item)} by depth up to ${percent(last, 0)}`, 320, (colours, narrow) => liftOption(curve, colours, narrow));
  requestAnimationFrame(drawing.redraw);
  return [
    el("p", {}, chip(tone, label), ` Price response: ${meaning}`, price.reason ? ` (${price.reason})` : null,
      `. Promoted in ${plural(price.periods, periodWord)} of the history, at most ${percent(curve.seen)} off.`),
    drawing.host,
    folded("Show as tables", () => el("div", {}, liftTable(curve), effectsTable(curve))),
  ];
}

function liftOption(curve, colours, narrow) {
  const points = curve.curve;
  const deepest = points.at(-1)[0];
  const beyond = curve.seen < deepest
    ? [[{ xAxis: curve.seen, name: "never seen: extrapolated" }, { xAxis: deepest }]] : [];
  return {
    grid: { left: 48, right: 16, top: 30, bottom: 46 },
    tooltip: tooltip(colours, "axis", (parameters) => {
      const point = points[parameters[0].dataIndex];
      return [`${percent(point[0])} off`, ["Median", times(point[1])], ["95 % interval", `${times(point[2])} to ${times(point[3])}`]];
    }),
    xAxis: {
      type: "value", max: deepest, name: "off the list price", nameLocation: "middle", nameGap: 28, ...axisStyle(colours),
      axisLabel: { color: colours.muted, formatter: (share) => percent(share, 0) }, splitLine: { show: false },
    },
    yAxis: { type: "value", min: 0, name: "times normal demand", nameTextStyle: { color: colours.muted, align: "left", padding: [0, 0, 0, -36] }, ...axisStyle(colours), axisLabel: { color: colours.muted } },
    series: [
      band("95 % interval", points.map(([depth, , low, high]) => [depth, low, high]), colours.band),
      {
        name: "Median", type: "line", symbol: "circle", showAllSymbol: true, data: points.map(([depth, median]) => [depth, median]),
        symbolSize: ([depth]) => (data.scenario.depths.includes(depth) ? 9 : 0),
        lineStyle: { color: colours.accent, width: 2.5 }, itemStyle: { color: colours.accent }, z: 3,
        markLine: { silent: true, symbol: "none", lineStyle: { color: colours.muted, type: "dashed" }, label: { show: false }, data: [{ yAxis: 1 }] },
        markArea: {
          silent: true, itemStyle: { color: colours.line, opacity: 0.45 },
          label: { show: !narrow || deepest - curve.seen > deepest / 3, color: colours.muted, position: "insideTop", fontSize: 12 }, data: beyond,
        },
      },
    ],
  };
}

const liftTable = (curve) => table(`Lift of ${itemName(curve.item)} by depth`, [
  { label: "Off", cell: ([depth]) => percent(depth) },
  { label: "Median", numeric: true, cell: ([, median]) => times(median) },
  { label: "95 % interval", numeric: true, cell: ([, , low, high]) => `${times(low)} to ${times(high)}` },
  { label: "Seen", cell: ([depth]) => (depth <= curve.seen ? "yes" : "no, extrapolated") },
], curve.curve);

const effectsTable = (curve) => table("All effects, in logs", [
  { label: "Effect", cell: ([kind]) => el("span", { title: effectLabels[kind][1] }, effectLabels[kind][0]) },
  { label: "Estimate", numeric: true, cell: ([, effect]) => number(effect.mean, 3) },
  { label: "95 % interval", numeric: true, cell: ([, effect]) => `${number(effect.lo, 3)} to ${number(effect.hi, 3)}` },
  { label: "Status", cell: ([, effect]) => effectStatus[effect.status][1] + (effect.reason ? `: ${effect.reason}` : "") },
], curve.effects);

function showDemand() {
  const host = section("demand");
  if (data.series.length === 0) return void add(host, text("No series to show."));
  const place = el("div", {});
  const show = (at) => place.replaceChildren(...demandOf(data.series[at]));
  const options = data.series.map((series, at) => ({ ...itemOption(series.item, at), label: `${itemName(series.item)}, ${placeName(series.place)}` })).sort(byName);
  add(host,
    note("What sold, and what is expected to be wanted if the shelf never runs empty. 9 of 10 days should fall in the band. A hollow mark is a day on which stock ran out, so that more was wanted than sold."),
    picker("Item and store", options, show), place);
  showOverrides(host);
  show(options[0].value);
}

function demandOf(series) {
  const drawing = chart(`Units of ${itemName(series.item)} in ${placeName(series.place)}: history and forecast`, 420, (colours, narrow) => demandOption(series, colours, narrow));
  requestAnimationFrame(drawing.redraw);
  return [drawing.host, folded("Show as tables", () => el("div", {}, forecastTable(series), historyTable(series)))];
}

/** Days of history that a narrow screen has room for; all of them stand in the table. */
const narrowHistory = 35;

function demandOption(whole, colours, narrow) {
  const series = narrow ? { ...whole, history: whole.history.slice(-narrowHistory) } : whole;
  const periods = [...series.history, ...series.forecast].map(([period]) => period);
  const first = Math.min(...periods);
  const labels = Array.from({ length: Math.max(...periods) - first + 1 }, (_, at) => periodText(first + at));
  const on = (rows, value) => rows.map((row) => [row[0] - first, value(row)]);
  const empty = series.history.filter(([, , share]) => share > 0);
  const line = (label, rows, colour, extra) => ({
    name: label, type: "line", showSymbol: false, symbol: "circle", data: rows, itemStyle: { color: colour }, lineStyle: { color: colour, width: 2 }, ...extra,
  });
  const depths = [...on(series.history, (row) => row[3]), ...on(series.forecast, (row) => row[6])];
  const axis = (grid, shown) => ({
    type: "category", gridIndex: grid, data: labels, ...axisStyle(colours), splitLine: { show: false },
    axisLabel: { show: shown, color: colours.muted, formatter: dayShort, hideOverlap: true },
  });
  return {
    legend: { data: ["Sold", "Stock ran out", "Expected", "5 % to 95 %", "Without promotion"], textStyle: { color: colours.text }, top: 0, itemGap: 12, inactiveColor: colours.muted },
    grid: [{ left: 44, right: 12, top: narrow ? 84 : 56, bottom: 132 }, { left: 44, right: 12, height: 56, bottom: 30 }],
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    tooltip: tooltip(colours, "axis", (parameters) => demandTip(series, first + parameters[0].dataIndex, parameters)),
    xAxis: [axis(0, false), axis(1, true)],
    yAxis: [
      { type: "value", name: `units a ${periodWord}`, nameTextStyle: { color: colours.muted, align: "left", padding: [0, 0, 0, -30] }, ...axisStyle(colours), axisLabel: { color: colours.muted } },
      {
        type: "value", gridIndex: 1, min: 0, name: "price off", ...axisStyle(colours), nameTextStyle: { color: colours.muted, align: "left", padding: [0, 0, -4, -30] },
        axisLabel: { color: colours.muted, formatter: (share) => percent(share, 0) }, splitNumber: 2,
      },
    ],
    series: [
      band("5 % to 95 %", series.forecast.map((row) => [row[0] - first, row[3], row[5]]), colours.band),
      line("Sold", on(series.history, (row) => row[1]), colours.second),
      line("Expected", on(series.forecast, (row) => row[1]), colours.accent, { lineStyle: { color: colours.accent, width: 2.5 } }),
      line("Without promotion", on(series.forecast, (row) => row[2]), colours.muted, { lineStyle: { color: colours.muted, width: 1.5, type: "dashed" } }),
      { name: "Stock ran out", type: "scatter", symbolSize: 7, data: on(empty, (row) => row[1]), itemStyle: { color: colours.surface, borderColor: colours.bad, borderWidth: 1.5 }, z: 4 },
      { name: "Price off", type: "bar", xAxisIndex: 1, yAxisIndex: 1, data: depths, itemStyle: { color: colours.accent }, barWidth: "70%" },
    ],
  };
}

function demandTip(series, period, parameters) {
  const at = parameters.find((known) => Array.isArray(known.value))?.value[0];
  const shown = at === undefined ? period : period - parameters[0].dataIndex + at;
  const past = series.history.find((row) => row[0] === shown);
  const ahead = series.forecast.find((row) => row[0] === shown);
  const lines = [day(periodText(shown))];
  if (past) {
    lines.push(["Sold", units(past[1])], ["Time without stock", percent(past[2], 0)]);
    if (past[3] > 0) lines.push(["Price off", percent(past[3])]);
  }
  if (ahead) {
    lines.push(["Expected", units(ahead[1])], ["5 % to 95 %", `${units(ahead[3])} to ${units(ahead[5])}`], ["Without promotion", units(ahead[2])]);
    if (ahead[6] > 0) lines.push(["Price off", percent(ahead[6])]);
  }
  return lines;
}

const forecastTable = (series) => table("Forecast", [
  { label: sentenceCase(periodWord), cell: ([period]) => periodDay(period) },
  { label: "Expected", numeric: true, cell: (row) => units(row[1]) },
  { label: "5 %", numeric: true, cell: (row) => units(row[3]) },
  { label: "Median", numeric: true, cell: (row) => units(row[4]) },
  { label: "95 %", numeric: true, cell: (row) => units(row[5]) },
  { label: "Without promotion", numeric: true, cell: (row) => units(row[2]) },
  { label: "Price off", numeric: true, cell: (row) => (row[6] > 0 ? percent(row[6]) : "–") },
], series.forecast);

const historyTable = (series) => table("History", [
  { label: sentenceCase(periodWord), cell: ([period]) => periodDay(period) },
  { label: "Sold", numeric: true, cell: (row) => units(row[1]) },
  { label: "Time without stock", numeric: true, cell: (row) => percent(row[2], 0) },
  { label: "Price off", numeric: true, cell: (row) => (row[3] > 0 ? percent(row[3]) : "–") },
], series.history);

