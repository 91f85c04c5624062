// The plan and its references in simulated worlds, paired by seed.

const kpiLabels = {
  profit: ["Profit", "money"], margin: ["Gross margin", "money"], revenue: ["Revenue", "money"], discount: ["Discount given", "money"],
  sold: ["Pieces sold", "pieces"], sold_promoted: ["Pieces sold on promotion", "pieces"], lost: ["Pieces wanted and not there", "pieces"],
  waste: ["Pieces thrown away", "pieces"], left: ["Pieces left at the end", "pieces"],
  stockout_rate: ["Stock-out rate", "share"], stockout_rate_promoted: ["Stock-out rate on promotion", "share"], fill_rate: ["Fill rate", "share"],
  stockout_rate_in_time: ["Stock-out rate on promotion where supply could be ordered in time", "share"],
  gmroi: ["Margin over mean stock at cost", "ratio"], sell_through: ["Sell-through", "share"],
  write_down: ["Written down after offers", "money"], write_down_share: ["Written down over promoted revenue", "share"],
};

/** Figures that are means to an end: neither more nor less of them is better in itself. */
const means = new Set(["discount", "sold_promoted"]);

const kpiLabel = (kpi) => kpiLabels[kpi]?.[0] ?? sentenceCase(words(kpi));

function kpiText(kpi, value, sign = false) {
  if (value === null) return "–";
  const kind = kpiLabels[kpi]?.[1];
  if (kind === "money") return money(value, sign);
  if (kind === "share") return sign ? points(value) : percent(value, 2);
  return number(value, kind === "pieces" ? 0 : 2, sign);
}

function showTwin() {
  const host = section("twin");
  const { comparisons, worlds } = data.twin;
  if (comparisons.length === 0) return void add(host, text("The plan has not been tried in simulated worlds."));
  add(host,
    note("The plan and simple references, each in the same ", plural(worlds, "simulated world"),
      ". In a ", term("twin"), " shoppers answer in their own way, not as the planner estimates. Past sales cannot tell what another plan would have sold; only such worlds, or a real test with control stores, can."),
    el("h3", {}, "Profit against each reference, world by world"),
    pairsChart().host,
    ...comparisons.flatMap(differenceTable),
    folded("Show every figure of every policy", () => levelsTable(comparisons[0])));
}

function pairsChart() {
  const { comparisons } = data.twin;
  const labels = comparisons.map((comparison) => `against ${words(comparison.reference)}`);
  const described = comparisons.map((comparison, at) => `${labels[at]} ${money(planProfit(comparison)?.difference, true)}`).join(", ");
  return chart(`Difference of profit by world: ${described}`, 100 * comparisons.length + 70, (colours, narrow) => ({
    grid: { left: narrow ? 88 : 150, right: 24, top: 10, bottom: 46 },
    tooltip: tooltip(colours, "item", ({ data: point }) => [`World ${point[2]}`, ["Difference", money(point[0], true)]]),
    xAxis: {
      type: "value", name: `${data.currency.code}, plan less reference`, nameLocation: "middle", nameGap: 28, splitNumber: narrow ? 3 : 6, ...axisStyle(colours),
      axisLabel: { color: colours.muted, formatter: moneyShort, hideOverlap: true }, scale: false,
    },
    yAxis: {
      type: "value", inverse: true, min: -0.5, max: labels.length - 0.5, interval: 0.5, ...axisStyle(colours), splitLine: { show: false }, axisTick: { show: false },
      axisLabel: { color: colours.text, lineHeight: 15, formatter: (at) => labels[at] ?? "", width: narrow ? 80 : 140, overflow: "break" },
    },
    series: [
      {
        name: "worlds", type: "scatter", symbolSize: 8, itemStyle: { color: colours.second, opacity: 0.75 },
        data: comparisons.flatMap((comparison, at) => comparison.pairs.map(([seed, difference], index) => [difference, at + 0.12 + 0.05 * (index % 5), String(seed)])),
        markLine: { silent: true, symbol: "none", lineStyle: { color: colours.muted }, label: { show: false }, data: [{ xAxis: 0 }] },
      },
      meanSeries(comparisons, colours),
    ],
  }));
}

/** The mean difference as a mark with its 95 % interval as a bar through it. */
function meanSeries(comparisons, colours) {
  const rows = comparisons.map(planProfit);
  return {
    name: "mean", type: "custom", silent: true, z: 3, encode: { x: [0, 2, 3], y: 1 },
    data: rows.flatMap((row, at) => (row && row.difference !== null ? [[row.difference, at - 0.12, row.diff_lo, row.diff_hi]] : [])),
    renderItem: (parameters, api) => {
      const [mean, y] = api.coord([api.value(0), api.value(1)]);
      const at = (dimension) => api.coord([Number.isFinite(api.value(dimension)) ? api.value(dimension) : api.value(0), 0])[0];
      const [low, high] = [at(2), at(3)];
      const stroke = { stroke: colours.accent, lineWidth: 3 };
      const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: stroke });
      return {
        type: "group",
        children: [
          line(low, y, high, y), line(low, y - 6, low, y + 6), line(high, y - 6, high, y + 6),
          { type: "circle", shape: { cx: mean, cy: y, r: 6 }, style: { fill: colours.accent } },
        ],
      };
    },
  };
}

/** Whether more or less of a figure can be called better: not without promotions to compare with. */
function comparable(comparison, kpi) {
  if (means.has(kpi)) return false;
  const promoted = comparison.rows.find((row) => row.policy === comparison.reference && row.kpi === "sold_promoted");
  return kpi !== "stockout_rate_promoted" || promoted?.mean !== 0;
}

function differenceTable(comparison, at) {
  const rows = comparison.rows.filter((row) => row.policy === data.twin.plan);
  return longTable(`The plan less ${words(comparison.reference)}, in the same world`, [
    { label: "Figure", cell: (row) => kpiLabel(row.kpi) },
    { label: "Plan", numeric: true, cell: (row) => el("span", { "data-kpi": row.kpi, "data-value": row.mean }, kpiText(row.kpi, row.mean)) },
    { label: "Difference", numeric: true, cell: (row) => el("strong", { "data-value": row.difference }, kpiText(row.kpi, row.difference, true)) },
    { label: term("interval"), plain: "95 % interval", numeric: true, cell: (row) => `${kpiText(row.kpi, row.diff_lo, true)} to ${kpiText(row.kpi, row.diff_hi, true)}` },
    { label: "Verdict", cell: (row) => (comparable(comparison, row.kpi) ? chip(...judged(row)) : "–") },
  ], rows, 12, { stack: true, id: `twin-table-${at}` });
}

function levelsTable(comparison) {
  const policies = [...new Set(comparison.rows.map((row) => row.policy))];
  const kpis = [...new Set(comparison.rows.map((row) => row.kpi))];
  const find = (policy, kpi) => comparison.rows.find((row) => row.policy === policy && row.kpi === kpi);
  const cell = (policy) => (kpi) => {
    const row = find(policy, kpi);
    if (!row) return "–";
    return el("div", {}, kpiText(kpi, row.mean), el("span", { class: "under" }, `${kpiText(kpi, row.lo)} to ${kpiText(kpi, row.hi)}`),
      el("span", { class: "under" }, `worst 5 %: ${kpiText(kpi, row.tail)}`));
  };
  return table("Mean over worlds, its 95 % interval, and the worst 5 % of worlds", [
    { label: "Figure", cell: kpiLabel },
    ...policies.map((policy) => ({ label: sentenceCase(words(policy)), numeric: true, cell: cell(policy) })),
  ], kpis, { stack: true, id: "twin-levels" });
}

