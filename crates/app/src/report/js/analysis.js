// What past promotions earned: sums, extremes, the usual report beside the true figure, every promotion.

const costs = data.total.profit !== null;
const verdicts = {
  paid: ["good", "paid"],
  did_not_pay: ["bad", "did not pay"],
  cannot_tell: ["quiet", "cannot tell"],
};
/** The figure that promotions are judged by: profit, or sales where no cost is known. */
const judged = (row) => row.profit ?? row.revenue;
const judgedName = costs ? "Profit" : "Sales added";
const plain = (value) => value.replaceAll(" ", " ");
const withInterval = ([mean, low, high], show) => el("div", {}, show(mean), el("span", { class: "under" }, `${show(low)} to ${show(high)}`));
const when = (row) => (row.first === row.last ? dayShort(row.first) : `${dayShort(row.first)} – ${dayShort(row.last)}`);
const signed = (value) => money(value, true);
const where = (row) => (row.region === "" ? row.item : `${row.item}, ${row.region}`);

function showSummary() {
  const { total } = data;
  const untold = total.promotions - total.paid - total.lost;
  section("scope").textContent = `${plural(total.promotions, "promotion")} from ${dayLong(data.history[0])} to ${dayLong(data.history[1])}`;
  const [mean, low, high] = judged(total);
  const tone = low > 0 ? "good" : high < 0 ? "bad" : "";
  const share = (count) => `${number(count)} of ${number(total.promotions)}`;
  add(section("summary"),
    el("dl", { class: "cards" },
      card(costs ? "Profit of all promotions" : "Sales that promotions added", money(mean, true), { id: "total-profit", exact: mean, under: `95 % interval ${money(low)} to ${money(high)}`, tone: `lead ${tone}` }),
      costs ? card("The usual report says", money(total.naive_profit, true), { id: "total-naive", exact: total.naive_profit, under: "extra units at the paid margin, nothing charged" }) : null,
      card("Given away", money(total.given), { id: "total-given", exact: total.given, under: "discount on every unit sold" }),
      card("Paid", share(total.paid), { id: "total-paid", exact: total.paid, under: `${number(total.lost)} did not pay, ${number(untold)} cannot be told` }),
      card("Items promoted", number(data.items.length), { under: plural(total.promotions, "promotion") }),
      card("Net units", number(total.net[0], 0, true), { id: "total-net", exact: total.net[0], under: `${number(total.net[1])} to ${number(total.net[2])}; the usual report says ${number(total.naive, 0, true)}` })),
    costs ? null : note("No cost is known, so that no profit can be told. Every promotion says the margin from which it pays; give costs to know which did."));
}

function showParts() {
  const host = section("parts");
  if (!costs) return host.remove();
  const { parts, naive_profit: usual, profit } = data.total;
  const bars = [];
  const colour = { usual: "warn", up: "good", down: "bad", end: "accent" };
  const step = (label, amount, kind) => bars.push({ label, amount, kind });
  step("The usual report", usual, "usual");
  step("Measured against a true baseline", parts.own - usual, "step");
  step("Discount on units sold anyway", parts.anyway, "step");
  step("Taken from substitutes", parts.cannibalised, "step");
  step("Taken from later periods", parts.pulled_forward, "step");
  if (parts.halo !== 0) step("Sold by other groups", parts.halo, "step");
  step("Profit", profit[0], "end");
  let level = 0;
  const laid = bars.map((bar) => {
    const from = bar.kind === "step" ? level : 0;
    level = from + bar.amount;
    const tone = bar.kind === "usual" ? colour.usual : bar.amount < 0 ? colour.down : colour[bar.kind === "end" ? "end" : "up"];
    return { ...bar, from, to: level, tone };
  });
  const drawing = chart("From the usual report to the profit, step by step", 300, (colours, narrow) => barsOption(colours, narrow,
    laid.map((bar) => ({ label: bar.label, from: bar.from, to: bar.to, colour: colours[bar.tone], text: plain(money(bar.amount, true)) })),
    data.currency.code === "" ? "money" : data.currency.code));
  add(host, note("The usual lift report counts units above the weeks before at the margin that they sold at. What it leaves out is charged here, one step at a time."), drawing.host);
}

const forestRow = (row) => {
  const [mean, lo, hi] = judged(row);
  return { label: `${where(row)}, ${when(row)}, ${percent(row.depth, 0)}`, mean, lo, hi, mark: row.naive_profit ?? null, tone: { paid: "good", did_not_pay: "bad", cannot_tell: "second" }[row.verdict], note: row.why };
};

function showExtremes() {
  const most = 12;
  const rows = data.promotions;
  const best = rows.slice(0, Math.min(most, rows.length));
  const worst = rows.slice(Math.max(best.length, rows.length - most));
  const plot = (title, chosen) => [
    el("h3", {}, title),
    forest(`${title}: ${judgedName.toLowerCase()} with interval`, chosen.map(forestRow), {
      axis: `${judgedName.toLowerCase()}${data.currency.code ? `, ${data.currency.code}` : ""}`, show: signed, short: moneyShort, meanName: judgedName, marks: costs ? "Usual report" : null,
    }).host,
  ];
  add(section("extremes"),
    note("Each line is the ", term("interval"), ", the dot the estimate. Green paid, red did not, blue cannot be told."),
    ...plot("Best", best), ...(worst.length > 0 ? plot("Worst", worst) : []));
}

function showUsual() {
  const rows = data.promotions.filter((row) => (costs ? row.naive_profit !== null && row.profit !== null : row.naive !== null));
  const host = section("usual");
  if (rows.length === 0) return host.remove();
  const [usual, real] = costs ? [(row) => row.naive_profit, (row) => row.profit[0]] : [(row) => row.naive, (row) => row.net[0]];
  const [show, short] = costs ? [signed, moneyShort] : [(value) => number(value, 0, true), (value) => number(value)];
  const range = (of) => [Math.min(0, ...rows.map(of)), Math.max(0, ...rows.map(of))];
  const [across, up] = [range(usual), range(real)];
  const [low, high] = [Math.max(across[0], up[0]), Math.min(across[1], up[1])];
  const drawing = chart("True figure of each promotion against the usual report", 420, (colours, narrow) => ({
    grid: { left: narrow ? 58 : 76, right: 20, top: narrow ? 88 : 56, bottom: 52 },
    legend: { top: 0, textStyle: { color: colours.text } },
    tooltip: tooltip(colours, "item", ({ data: point }) => [where(point.row), ["When", when(point.row)], ["Usual report", show(usual(point.row))], [costs ? "Profit" : "Net units", show(real(point.row))], ["Verdict", verdicts[point.row.verdict][1]]]),
    xAxis: { type: "value", name: costs ? "profit by the usual report" : "units by the usual report", nameLocation: "middle", nameGap: 30, splitNumber: narrow ? 3 : 6, ...axisStyle(colours), axisLabel: { color: colours.muted, formatter: short, hideOverlap: true } },
    yAxis: { type: "value", name: costs ? "profit" : "net units", ...axisStyle(colours), axisLabel: { color: colours.muted, formatter: short } },
    series: [
      ...Object.entries(verdicts).map(([verdict, [, label]]) => ({
        name: label, type: "scatter", symbolSize: 8, itemStyle: { color: { paid: colours.good, did_not_pay: colours.bad, cannot_tell: colours.second }[verdict], opacity: 0.65 },
        data: rows.filter((row) => row.verdict === verdict).map((row) => ({ value: [usual(row), real(row)], row })),
      })),
      { name: "both agree", type: "line", silent: true, symbol: "none", lineStyle: { color: colours.muted, type: "dashed", width: 1.5 }, itemStyle: { color: colours.muted }, data: [[low, low], [high, high]] },
    ],
  }));
  add(host, note("On the dashed line both agree. Below it the usual report flatters; above it the report misses part of the gain, often because stock ran out or sales were low beforehand."), drawing.host);
}

const verdictChip = (row) => chip(...verdicts[row.verdict]);
const figure = (label, cell) => ({ label, numeric: true, cell });

function showItems() {
  add(section("items"), ...longTable("All promotions of each item, most first", [
    { label: "Item", cell: (row) => name(row.item) },
    figure("Promotions", (row) => number(row.promotions)),
    figure("Paid", (row) => number(row.paid)),
    figure("Did not pay", (row) => number(row.lost)),
    figure("Net units", (row) => withInterval(row.net, units)),
    figure("Usual report", (row) => units(row.naive)),
    figure("Given away", (row) => money(row.given)),
    figure(judgedName, (row) => withInterval(judged(row), money)),
  ], data.items, 20, { stack: true, id: "items-table" }));
}

function showOutcome() {
  const rows = data.promotions.filter((row) => row.forecast !== null);
  if (rows.length === 0) return section("outcome").remove();
  add(section("outcome"),
    note("What was forecast for the promoted cells before they ran, and what they sold. Where stock ran out they could not sell what was wanted."),
    ...longTable("Promotions that had a forecast", [
      { label: "Item", cell: (row) => name(where(row)) },
      { label: "When", cell: when },
      figure("Forecast", (row) => units(row.forecast)),
      figure("Sold", (row) => units(row.sold)),
      figure("Off by", (row) => percent(row.forecast / row.sold - 1, 0, true)),
    ], rows, 20, { stack: true, id: "outcome-table" }));
}

function showPromotions() {
  const haloSeen = data.promotions.some((row) => row.halo !== null);
  const even = (row) => (row.even === null ? "none is enough" : percent(row.even, 0));
  const split = (label, at) => figure(label, (row) => (row.parts ? money(row.parts[at][0]) : "–"));
  add(section("promotions"),
    data.left_out > 0 ? note(`The best and the worst; ${plural(data.left_out, "promotion")} between them stand in promotions.csv.`) : null,
    ...longTable(`Every promotion, most ${judgedName.toLowerCase()} first`, [
      { label: "Item", cell: (row) => name(where(row)) },
      { label: "When", cell: when },
      figure("Off", (row) => percent(row.depth, 0)),
      figure("Sold", (row) => units(row.sold)),
      figure("Usual", (row) => (row.naive === null ? "–" : units(row.naive))),
      figure("Own", (row) => withInterval(row.own, units)),
      figure("Substitutes", (row) => units(row.cannibalised[0])),
      figure("Later", (row) => units(row.pulled[0])),
      ...(haloSeen ? [figure("Halo", (row) => (row.halo === null ? "–" : withInterval(row.halo, units)))] : []),
      figure("Net", (row) => withInterval(row.net, units)),
      ...(costs ? [split("Discount sold anyway", 1), figure("Return", (row) => (row.roi ? percent(row.roi[0], 0, true) : "–"))] : []),
      figure("Pays from margin", even),
      figure(judgedName, (row) => withInterval(judged(row), money)),
      { label: "Verdict", cell: (row) => el("div", {}, verdictChip(row), el("span", { class: "under" }, row.why)) },
    ], data.promotions, 25, { stack: true, id: "promotions-table" }));
}

function showMethod() {
  const host = section("method");
  add(host,
    text("Units come from the fitted effects: what price, advert and display added (own), what similar items lost meanwhile (substitutes), what the item lost afterwards to full cupboards (later), what other groups that follow its group sold more or less (halo; none where no group was seen to follow). Net is their sum. The usual report takes units sold less the mean of up to eight unpromoted periods before."),
    costs ? text("Profit counts added units at the margin that they sold at, charges the discount on units that would have been sold anyway, and counts what substitutes, later periods and other groups lost or gained at their own margin. Return is profit for one unit of money given away: at −50 % half of it is lost. A promotion paid where the whole 95 % interval lies above zero.") : null,
    text("A promotion pays from a margin: were all items sold at that margin over their price without promotion, it would earn exactly nothing."),
    el("dl", { class: "facts" },
      ...[["History", `${data.history[0]} to ${data.history[1]}`], ["Snapshot", data.snapshot ?? "a panel file"], ["Code", data.code], ["Seed", String(data.seed)]].map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value)))));
  showEdits(host);
}

showSummary();
showParts();
showExtremes();
showUsual();
showItems();
showOutcome();
showPromotions();
showMethod();
showContents();
watchCharts();
followReading();
document.documentElement.setAttribute("data-ready", "true");
})();
