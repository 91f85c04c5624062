// Policies in simulated worlds: paired differences, stock, calendar with supply, and sizes in the stores.

const worldsText = plural(data.worlds, "world");
const measure = (key) => data.measures.find((known) => known.name === key);
const figureOf = (reference, policy, key) => data.against[reference].policies[policy].find((kpi) => kpi.measure === key);
const hasSizes = data.films.some((film) => film.coverage !== null);

/** A figure in its unit; a difference with its sign. */
function shown(key, value, sign = false) {
  const { unit } = measure(key);
  if (value === null || value === undefined) return "not known";
  if (unit === "money") return money(value, sign);
  if (unit === "share") return sign ? `${number(value * 100, 1, true)} points` : percent(value);
  return number(value, key === "gmroi" ? 2 : 0, sign);
}

function shownShort(key, value) {
  const { unit } = measure(key);
  if (unit === "money") return moneyShort(value);
  if (unit === "share") return number(value * 100, 1);
  return new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 }).format(value).replace("-", "−");
}

/** What a policy does, neither good nor bad in itself. */
const effort = ["moved", "discount", "sold_promoted"];

/** Whether a difference is told apart from none, and in which direction. */
function toneOf(key, difference) {
  if (effort.includes(key)) return "second";
  if (!difference || difference.lo95 === null || (difference.lo95 <= 0 && difference.hi95 >= 0)) return "muted";
  return (difference.mean > 0) === (measure(key).better === "higher") ? "good" : "bad";
}

const labels = {
  profit: "Profit", margin: "Margin", revenue: "Revenue", sell_through: "Sell-through", stockout_rate_promoted: "Stock-outs on offer",
  stockout_rate_in_time: "Stock-outs on offer where supply could be ordered in time",
  stockout_rate: "Stock-outs", lost: "Pieces not there when wanted", write_down: "Write-down", discount: "Discount given", moved: "Pieces moved between stores",
  core_coverage: "Core sizes in the stores", fragmentation: "Pieces in broken size runs", waste: "Pieces thrown away", gmroi: "Margin per money in stock",
  forecast_error_item: "Forecast error by item", forecast_error_place: "Forecast error by item and store", fill_rate: "Fill rate",
};
const labelOf = (key) => labels[key] ?? sentenceCase(words(key));

const everywhere = (key) => data.policies.every((_, at) => figureOf(data.reference, at, key));
const moves = (key) => data.policies.some((_, at) => figureOf(data.reference, at, key)?.level.mean !== figureOf(data.reference, data.reference, key)?.level.mean);
const usable = data.measures.map(({ name: key }) => key).filter((key) => everywhere(key) && moves(key));

function showHeader() {
  document.title = data.scenario;
  section("plan-name").textContent = data.scenario;
  add(section("scope"), `${number(data.cells)} item-places · ${plural(data.periods.labels.length, periodWord)} · ${worldsText} from seed ${data.seed} · ${plural(data.policies.length, "policy", "policies")}`);
}

function showSummary() {
  const lead = usable.includes("profit") ? "profit" : usable[0] ?? "profit";
  const ranked = data.policies.map((label, at) => ({ label, at, kpi: figureOf(data.reference, at, lead) }))
    .sort((a, b) => b.kpi.level.mean - a.kpi.level.mean);
  const best = ranked[0];
  const second = (hasSizes ? ["sell_through", "revenue"] : ["stockout_rate_promoted", "revenue", "stockout_rate"]).filter((key) => usable.includes(key)).slice(0, 2);
  const reference = data.policies[data.reference];
  const over = (key) => {
    const difference = figureOf(data.reference, best.at, key).difference;
    return difference ? `${shown(key, difference.mean, true)} to “${reference}”` : "the reference itself";
  };
  add(section("summary"),
    el("dl", { class: "cards three" },
      card(`${labelOf(lead)}: ${best.label}`, shown(lead, best.kpi.level.mean), { id: "best-profit", exact: best.kpi.level.mean, tone: "lead", under: over(lead) }),
      second.map((key) => card(labelOf(key), shown(key, figureOf(data.reference, best.at, key).level.mean), { under: over(key), tone: { good: "good", bad: "bad" }[toneOf(key, figureOf(data.reference, best.at, key).difference)] }))),
    note(`“${best.label}” has the highest ${labelOf(lead).toLowerCase()} of all that were tried. Every policy met the same shoppers and suppliers in each world; nothing here is a promise about a real one.`),
    levelsTable());
}

function levelsTable() {
  const wanted = hasSizes ? ["profit", "revenue", "margin", "sell_through", "moved", "discount"] : ["profit", "revenue", "margin", "sell_through", "stockout_rate_promoted", "stockout_rate", "moved", "write_down", "discount", "forecast_error_item"];
  const keys = wanted.filter((key) => usable.includes(key)).slice(0, 6);
  return table(`Mean over ${worldsText}`, [
    { label: "Policy", cell: ({ label, at }) => [name(label), at === data.reference ? el("span", { class: "under" }, "reference") : null] },
    ...keys.map((key) => ({ label: labelOf(key), numeric: true, cell: ({ at }) => shown(key, figureOf(data.reference, at, key).level.mean) })),
  ], data.policies.map((label, at) => ({ label, at })), { id: "levels-table", stack: true, rowAttributes: ({ label }) => ({ "data-policy": label }) });
}

function showDifferences() {
  if (data.policies.length < 2) return section("differences").remove();
  const place = el("div", { class: "pairs" });
  const keys = ["profit", "margin", "revenue", "sell_through", "stockout_rate_promoted", "stockout_rate", "lost", "write_down", "discount", "moved", "core_coverage", "fragmentation"].filter((key) => usable.includes(key));
  const show = (reference) => place.replaceChildren(...keys.map((key) => differenceOf(key, reference)));
  add(section("differences"),
    note("Each dot is the mean difference to the reference in the same world, the line its ", term("interval"), ". Green is better than the reference, red is worse, grey cannot be told from it, blue is what a policy does."),
    picker("Reference", data.policies.map((label, value) => ({ label, value })).sort((a, b) => (b.value === data.reference) - (a.value === data.reference)), show), place);
  show(data.reference);
}

function differenceOf(key, reference) {
  const rows = data.policies.map((label, at) => ({ label, at, difference: figureOf(reference, at, key)?.difference })).filter(({ difference }) => difference)
    .map(({ label, difference }) => ({ label, mean: difference.mean, lo: difference.lo95 ?? difference.mean, hi: difference.hi95 ?? difference.mean, tone: toneOf(key, difference) }));
  const unit = { money: data.currency.code, share: "points", number: "" }[measure(key).unit];
  const drawing = forest(`${labelOf(key)}: difference to ${data.policies[reference]}`, rows, {
    axis: unit, meanName: "Difference", wrap: true, show: (value) => shown(key, value, true), short: (value) => shownShort(key, value),
  });
  requestAnimationFrame(drawing.redraw);
  return el("figure", { class: "pair" }, el("figcaption", {}, labelOf(key)), drawing.host);
}

function policyPicker(show) {
  const options = data.policies.map((label, value) => ({ label, value }));
  const first = bestPolicy();
  options.sort((a, b) => (b.value === first) - (a.value === first));
  show(first);
  return picker("Policy", options, show);
}

const bestPolicy = () => data.policies.map((_, at) => at).reduce((best, at) => (figureOf(data.reference, at, "profit").level.mean > figureOf(data.reference, best, "profit").level.mean ? at : best), 0);

function showStock() {
  const place = el("div", {});
  const show = (at) => {
    const fan = data.fans[at];
    const drawing = chart(`Pieces on all shelves under ${fan.policy}, with offers and what was missed`, 420, (colours, narrow) => fanOption(fan, colours, narrow));
    requestAnimationFrame(drawing.redraw);
    place.replaceChildren(drawing.host, ...(hasSizes ? [runsChart()] : []));
  };
  add(section("stock"), note("Pieces on all shelves at the end of each ", periodWord, ` over ${worldsText}: median and 5 % to 95 % band. Below: how much is on offer, and the share of what shoppers wanted that was not there.`), policyPicker(show), place);
}

/** The end of an axis: one digit and zeros, so that all policies share one scale. */
function roundUp(value) {
  const step = 10 ** Math.floor(Math.log10(value));
  return Math.ceil(value / step) * step;
}

function fanOption(fan, colours, narrow) {
  const left = narrow ? 48 : 64;
  const most = roundUp(Math.max(1, ...data.fans.flatMap((other) => other.on_hand.map(([, , high]) => high))));
  const axis = (grid, last) => ({
    type: "category", gridIndex: grid, data: data.periods.labels, ...axisStyle(colours), splitLine: { show: false },
    axisLabel: { show: last, color: colours.muted, formatter: dayShort, hideOverlap: true },
  });
  const side = (grid, label, formatter, extra = {}) => ({
    type: "value", gridIndex: grid, name: label, min: 0, splitNumber: grid === 0 ? 5 : 2, ...axisStyle(colours), axisLabel: { color: colours.muted, formatter },
    nameTextStyle: { color: colours.muted, align: "left", padding: [0, 0, -2, 8 - left] }, ...extra,
  });
  const bars = (label, grid, values, colour) => ({ name: label, type: "bar", xAxisIndex: grid, yAxisIndex: grid, data: values, itemStyle: { color: colour }, barWidth: "62%" });
  return {
    grid: [{ left, right: 14, top: 40, height: 180 }, { left, right: 14, top: 262, height: 48 }, { left, right: 14, top: 346, height: 44 }],
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    legend: { data: ["Median", "5 % to 95 %"], top: 0, right: 8, textStyle: { color: colours.text } },
    tooltip: tooltip(colours, "axis", ([{ dataIndex: at }]) => [
      periodDay(at), ["Median stock", number(fan.on_hand[at][1])], ["5 % to 95 %", `${number(fan.on_hand[at][0])} to ${number(fan.on_hand[at][2])}`],
      ["Item-places on offer", number(fan.promoted[at])], ["Wanted and not there", percent(fan.missed[at])],
    ]),
    xAxis: [axis(0, false), axis(1, false), axis(2, true)],
    yAxis: [
      side(0, "pieces", (value) => shownShort("sold", value), { max: most }),
      side(1, "item-places on offer", (value) => shownShort("sold", value)),
      side(2, "not there when wanted", (value) => percent(value, 0), { max: 1, interval: 0.5 }),
    ],
    series: [
      band("5 % to 95 %", fan.on_hand.map(([low, , high], at) => [at, low, high]), colours.band),
      { name: "Median", type: "line", data: fan.on_hand.map(([, middle]) => middle), symbol: "none", itemStyle: { color: colours.accent }, lineStyle: { color: colours.accent, width: 2.5 }, z: 3 },
      bars("On offer", 1, fan.promoted, colours.second),
      bars("Not there", 2, fan.missed, colours.bad),
    ],
  };
}

/** Pairs per style and store by period, one line per policy. */
function runsChart() {
  const tones = ["bad", "second", "warn", "muted", "text", "good"];
  const best = bestPolicy();
  const toneAt = (at) => (at === best ? "accent" : tones[(at > best ? at - 1 : at) % tones.length]);
  const drawing = chart("Pieces per style and store by period, for every policy", 300, (colours, narrow) => ({
    grid: { left: narrow ? 40 : 48, right: 14, top: 26 + 24 * Math.ceil(data.fans.length / (narrow ? 1.6 : 3.5)), bottom: 34 },
    legend: { top: 0, left: 0, textStyle: { color: colours.text }, itemGap: 10 },
    tooltip: tooltip(colours, "axis", (lines) => [periodDay(lines[0].dataIndex), ...lines.map(({ seriesName, value }) => [seriesName, number(value, 1)])]),
    xAxis: { type: "category", data: data.periods.labels, ...axisStyle(colours), splitLine: { show: false }, axisLabel: { color: colours.muted, formatter: dayShort, hideOverlap: true } },
    yAxis: { type: "value", min: 0, name: "pieces per style and store", ...axisStyle(colours), axisLabel: { color: colours.muted }, nameTextStyle: { color: colours.muted, align: "left", padding: [0, 0, 0, -32] } },
    series: data.fans.map((fan, at) => ({
      name: fan.policy, type: "line", symbol: "none", data: fan.pieces_per_run,
      itemStyle: { color: colours[toneAt(at)] }, lineStyle: { color: colours[toneAt(at)], width: at === best ? 3 : 2, type: at % 2 ? "dashed" : "solid" }, z: at === best ? 3 : 2,
    })),
  }));
  requestAnimationFrame(drawing.redraw);
  return el("div", {}, el("h3", {}, "Pieces per style and store, all policies"), drawing.host);
}

const shadeOf = (depth) => Math.min(5, Math.max(1, Math.round(depth * 10)));

function showCalendar() {
  const place = el("div", {});
  const show = (at) => {
    const film = data.films[at];
    const head = el("tr", {}, el("th", { scope: "col" }, "Item"), data.periods.labels.map((label) => el("th", { scope: "col" }, el("span", { class: "weekday" }, dayShort(label).replace(/^\d{4}-/, "")))));
    const body = film.rows.map((row) => el("tr", {}, el("th", { scope: "row" }, name(row.item)), row.depth.map((depth, period) => calendarCell(row, depth, period))));
    place.replaceChildren(
      el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": `Calendar of ${data.policies[at]}` },
        el("table", { class: "offers" }, el("caption", { class: "hidden" }, `Offers and missed demand of ${data.policies[at]}`), el("thead", {}, head), el("tbody", {}, body))),
      ...(film.left_out > 0 ? [note(`${plural(film.left_out, "item")} with fewer offers and less missed demand left out.`)] : []));
  };
  add(section("calendar"),
    note(`The first world (seed ${data.seed}), item by item: the colour is the depth of an offer, the red foot the share of what was wanted that was not there.`),
    el("p", { class: "legend" }, "Depth ", [0.1, 0.2, 0.3, 0.4, 0.5].map((depth) => el("span", { class: `swatch shade-${shadeOf(depth)}` }, percent(depth, 0))), el("span", { class: "swatch missed full" }, "none was there")),
    policyPicker(show), place);
}

function calendarCell(row, depth, period) {
  const missed = row.missed[period];
  const said = `${row.item}, ${periodDay(period)}: ${depth > 0 ? `${percent(depth, 0)} off` : "no offer"}, ${percent(missed, 0)} of what was wanted was not there`;
  return el("td", {}, el("span", { class: `state ${depth > 0 ? `shade-${shadeOf(depth)}` : ""}`, title: said, role: "img", "aria-label": said },
    depth > 0 ? number(depth * 100, 0) : null, foot(missed)));
}

function showSizes() {
  if (!hasSizes) return section("sizes").remove();
  const place = el("div", {});
  const { coverage } = data.films.find((film) => film.coverage !== null);
  const show = (at) => {
    const map = data.films[at].coverage;
    const drawing = chart(`Share of core sizes by style and store under ${data.policies[at]}`, 96 + 8 * map.styles.length, (colours, narrow) => sizesOption(map, colours, narrow));
    requestAnimationFrame(drawing.redraw);
    place.replaceChildren(drawing.host);
  };
  const [styles, stores] = coverage.all;
  add(section("sizes"),
    note(`Share of its core sizes that each store has of each style in the middle of the time, mean of ${day(coverage.from)} to ${day(coverage.until)}, in the first world; large stores on the left. ${coverage.styles.length} of ${plural(styles, "style")} and ${coverage.places.length} of ${plural(stores, "store")} are shown.`),
    el("p", { class: "legend" }, "Core sizes there ", [0, 0.25, 0.5, 0.75, 1].map((share) => el("span", { class: `swatch ${sizeClass(share)}` }, percent(share, 0)))),
    policyPicker(show), place);
}

const sizeClass = (share) => (share === 0 ? "gap" : `shade-${1 + Math.round(share * 4)}`);

function sizesOption(map, colours, narrow) {
  const style = getComputedStyle(document.documentElement);
  const shades = [0, 1, 2, 3, 4].map((step) => style.getPropertyValue(step === 0 ? "--bad-back" : `--shade-${step + 1}`).trim());
  const cells = map.share.flatMap((row, y) => row.map((share, x) => [x, y, share]));
  const axis = (values, label) => ({ type: "category", data: values, name: label, nameLocation: "middle", ...axisStyle(colours), splitLine: { show: false }, axisTick: { show: false }, axisLabel: { show: false }, nameGap: 10 });
  return {
    grid: { left: 30, right: 8, top: 8, bottom: 30 },
    tooltip: tooltip(colours, "item", ({ value: [x, y, share] }) => [map.styles[y], ["Store", map.places[x]], ["Core sizes there", percent(share, 0)]]),
    xAxis: axis(map.places, "stores, most demand first"), yAxis: { ...axis(map.styles, "styles"), inverse: true },
    series: [{
      type: "custom", data: cells, encode: { x: 0, y: 1 },
      renderItem: (_, api) => {
        const [x, y] = api.coord([api.value(0), api.value(1)]);
        const [width, height] = api.size([1, 1]);
        const gap = narrow ? 0.5 : 1;
        return { type: "rect", shape: { x: x - width / 2, y: y - height / 2, width: Math.max(1, width - gap), height: Math.max(1, height - gap) }, style: { fill: shades[Math.round(api.value(2) * 4)] } };
      },
    }],
  };
}

function showTold() {
  if (data.told.length + data.faults.length === 0) return section("told").remove();
  if (data.told.length > 0) {
    add(section("told"), table("Notes by kind, with the first of each", [
      { label: "Policy", cell: ({ first }) => name(first.policy) },
      { label: "Kind", cell: ({ first }) => first.kind },
      { label: "Times", numeric: true, cell: ({ times: count }) => number(count) },
      { label: "First", nowrap: true, cell: ({ first }) => day(first.period) },
      { label: "It said", cell: ({ first }) => first.text },
    ], data.told, { id: "told-table", stack: true }));
  }
  if (data.faults.length > 0) {
    add(section("told"), ...longTable("What policies did wrong", [
      { label: "Policy", cell: (fault) => name(fault.policy) },
      { label: "World", numeric: true, cell: (fault) => String(fault.seed) },
      { label: "Before", nowrap: true, cell: (fault) => day(fault.period) },
      { label: "What", cell: (fault) => fault.reason },
      { label: "Then", cell: (fault) => (fault.ended ? "did nothing more in this world" : "went on without it") },
    ], data.faults, 20, { id: "faults-table", stack: true }));
  }
}

function showMethod() {
  add(section("method"),
    text("Every policy runs in the same simulated worlds. Their shoppers and suppliers follow laws that no policy is told; all draws belong to a world, a ", periodWord, " and a cell, so that no action shifts them. Differences are paired by world, which takes what all policies share out of them; intervals are Student’s t over worlds."),
    text("They speak of worlds of this kind. Whether the worlds are like yours is a question for your own history."));
}

showHeader();
showSummary();
showDifferences();
showStock();
showCalendar();
showSizes();
showTold();
showMethod();
showContents();
watchCharts();
followReading();
document.documentElement.setAttribute("data-ready", "true");
})();
