// The model card: effects as forest plots, lift curves, calibration, refusals, edits, drift baseline, data cut.

const kinds = ["own_price", "cross_price", "feature", "display", "dip"];
const kindOf = (at) => effectLabels[kinds[at]][0];
const figure = (label, cell) => ({ label, numeric: true, cell });
const log = (value) => number(value, 2);
const tones = { estimated: "good", borrowed: "warn", not_identified: "bad" };

function showSummary() {
  const { cut, held_out: held } = data;
  const own = data.groups.find((row) => row.group === null && row.effect === "own_price");
  section("scope").textContent = `${plural(cut.items, "item")} in ${plural(cut.places, "place")}, ${dayLong(cut.first_period)} to ${dayLong(cut.last_period)}`;
  const all = held?.sets.find((set) => set.cells === "all");
  const tone = (share) => (Math.abs(share - 0.9) <= 0.03 ? "good" : Math.abs(share - 0.9) <= 0.07 ? "warn" : "bad");
  add(section("summary"), el("dl", { class: "cards" },
    card("Price sensitivity", log(own.mean), { id: "own-price", exact: own.mean, under: `${log(own.lo95)} to ${log(own.hi95)}, mean over what is sold`, tone: "lead" }),
    card("Known from own data", `${number(own.known.estimated)} of ${number(cut.items)}`, { id: "estimated", exact: own.known.estimated, under: `items; ${number(own.known.borrowed)} borrow from similar ones, ${number(own.known.not_identified)} cannot be told` }),
    card("In the 90 % band", all ? percent(all.coverage90) : "not known", { id: "coverage", exact: all?.coverage90, under: all ? `of ${number(all.count)} held-out cells; 90 % is right` : "the history is too short to hold periods out", tone: all ? tone(all.coverage90) : "" }),
    card("Forecast error", all ? percent(all.wape) : "not known", { id: "wape", exact: all?.wape, under: all ? `of units sold; bias ${percent(all.bias, 1, true)}` : null }),
    card("Edited by people", number(new Set(editRows().map(({ edit }) => edit.id)).size), { id: "edits-in-force", under: "edits in force" }),
    card("Rows", number(cut.rows), { id: "rows", exact: cut.rows, under: `${percent(cut.promoted_share)} promoted` })));
}

/** Limits of an axis that show nine of ten intervals whole, so that a few wide ones do not hide the rest. */
function reach(rows) {
  const at = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.max(0, Math.round(share * (values.length - 1))))];
  if (rows.length < 10) return {};
  const low = Math.min(0, at(rows.map((row) => row.lo), 0.05));
  const high = Math.max(0, at(rows.map((row) => row.hi), 0.95));
  return { from: Math.floor(low * 2) / 2, to: Math.ceil(high * 2) / 2 };
}

const status = () => note(chip("good", "estimated"), " from the item's own history; ", chip("warn", "borrowed"), " mostly from similar items; ", chip("bad", "not identified"), " the data cannot tell. Lines are the ", term("interval"), ".");

function showGroups() {
  const host = section("groups");
  const place = el("div", {});
  const show = (at) => {
    const rows = data.groups.filter((row) => row.effect === kinds[at]);
    const most = (known) => (known.not_identified > known.estimated + known.borrowed ? "bad" : known.estimated >= known.borrowed ? "good" : "warn");
    const drawing = forest(`${kindOf(at)} by group`, rows.map((row) => ({ label: row.group ?? "All items", mean: row.mean, lo: row.lo95, hi: row.hi95, tone: most(row.known) })), { axis: effectLabels[kinds[at]][1].replace(/\.$/, ""), show: log, meanName: "Mean" });
    place.replaceChildren(drawing.host, folded("Show as a table", () => table(`${kindOf(at)} by group`, [
      { label: "Group", cell: (row) => name(row.group ?? "All items") },
      figure("Mean", (row) => log(row.mean)),
      figure("95 % interval", (row) => `${log(row.lo95)} to ${log(row.hi95)}`),
      figure("Own data", (row) => number(row.known.estimated)),
      figure("Borrowed", (row) => number(row.known.borrowed)),
      figure("Not identified", (row) => number(row.known.not_identified)),
    ], rows, { stack: true })));
    requestAnimationFrame(drawing.redraw);
  };
  add(host, note("Means over the items of a group, weighed by what they sell. The colour says what most of its items rest on."),
    picker("Effect", kinds.map((_, at) => ({ value: at, label: kindOf(at) })), show), place);
  show(0);
}

function itemRows(at, group) {
  const chosen = data.items.filter((item) => group === null || item.group === group);
  return chosen.map((item) => {
    const effect = item.effects[at];
    return { label: item.item, mean: effect.mean, lo: effect.lo, hi: effect.hi, tone: tones[effect.status], mark: effect.edited ? effect.edited[0] : null, note: effect.reason || effectStatus[effect.status][2], item, effect };
  });
}

function showItems() {
  const host = section("items");
  const groups = [null, ...new Set(data.items.map((item) => item.group))].filter((group, at, all) => group === null || all.length > 2);
  const state = { effect: 0, group: 0 };
  const place = el("div", {});
  const most = 30;
  const show = () => {
    const rows = itemRows(state.effect, groups[state.group]);
    const marks = rows.some((row) => row.mark !== null) ? "Edited" : null;
    const plot = (chosen) => forest(`${kindOf(state.effect)} by item`, chosen, { axis: effectLabels[kinds[state.effect]][1].replace(/\.$/, ""), show: log, meanName: "Estimate", marks, ...reach(rows) });
    const first = plot(rows.slice(0, most));
    place.replaceChildren(first.host,
      rows.length > most ? note(`The ${most} items that sell most, of ${number(rows.length)}; all stand in the table and in effects.csv.`) : el("span", {}),
      folded("Show as a table", () => el("div", {}, ...longTable(`${kindOf(state.effect)} by item`, [
        { label: "Item", cell: (row) => name(row.label) },
        { label: "Group", cell: (row) => name(row.item.group) },
        figure("Units", (row) => units(row.item.units)),
        figure("Estimate", (row) => log(row.mean)),
        figure("95 % interval", (row) => `${log(row.lo)} to ${log(row.hi)}`),
        figure("Used", (row) => (row.effect.edited ? `${log(row.effect.edited[0])}, edited` : log(row.mean))),
        figure("Promoted", (row) => number(row.effect.periods)),
        { label: "Status", cell: (row) => el("div", {}, chip(tones[row.effect.status], effectStatus[row.effect.status][1]), row.effect.reason ? el("span", { class: "under" }, row.effect.reason) : null) },
        { label: "Unseen demand", cell: (row) => (row.effect.unseen ? words(row.effect.unseen) : "–") },
      ], rows, 25, { stack: true, id: "items-table" }))));
    requestAnimationFrame(first.redraw);
  };
  add(host, status(),
    picker("Effect", kinds.map((_, at) => ({ value: at, label: kindOf(at) })), (at) => { state.effect = at; show(); }),
    groups.length > 1 ? picker("Group", groups.map((group, at) => ({ value: at, label: group ?? "All items" })), (at) => { state.group = at; show(); }) : null,
    place);
  show();
}

function showLift() {
  const host = section("lift");
  const curves = data.items.filter((item) => item.lift.length > 0);
  if (curves.length === 0) return void add(host, text("No lift to show."));
  const place = el("div", {});
  const show = (at) => {
    const item = curves[at];
    const own = item.effects[0];
    const drawing = chart(`Lift of ${item.item} by depth`, 320, (colours, narrow) => curveOption(item, colours, narrow));
    place.replaceChildren(
      el("p", {}, chip(tones[own.status], effectStatus[own.status][1]), ` ${sentenceCase(effectStatus[own.status][2])}${own.reason ? ` (${own.reason})` : ""}. Promoted in ${plural(own.periods, periodWord)}, at most ${percent(item.seen)} off.`,
        own.edited ? ` Edited: the curve is that of ${log(own.edited[0])}.` : null),
      drawing.host,
      folded("Show as a table", () => table(`Lift of ${item.item} by depth`, [
        { label: "Off", cell: ([depth]) => percent(depth) },
        figure("Median", ([, median]) => times(median)),
        figure("95 % interval", ([, , low, high]) => `${times(low)} to ${times(high)}`),
        { label: "Seen", cell: ([depth]) => (depth <= item.seen ? "yes" : "no, extrapolated") },
      ], item.lift)));
    requestAnimationFrame(drawing.redraw);
  };
  const options = curves.map((item, at) => ({ value: at, label: item.item, group: item.group }));
  add(host, note("Demand on promotion over ", term("baseline"), ", by how much is taken off the price, without advert or display. The band is the ", term("interval"), "."),
    picker("Item", options, show), place);
  show(0);
}

function curveOption(item, colours, narrow) {
  const deepest = item.lift.at(-1)[0];
  const beyond = item.seen < deepest ? [[{ xAxis: item.seen, name: "never seen: extrapolated" }, { xAxis: deepest }]] : [];
  return {
    grid: { left: 48, right: 16, top: 30, bottom: 46 },
    tooltip: tooltip(colours, "axis", (parameters) => {
      const [depth, median, low, high] = item.lift[parameters[0].dataIndex];
      return [`${percent(depth)} off`, ["Median", times(median)], ["95 % interval", `${times(low)} to ${times(high)}`]];
    }),
    xAxis: { type: "value", max: deepest, name: "off the price", nameLocation: "middle", nameGap: 28, ...axisStyle(colours), axisLabel: { color: colours.muted, formatter: (share) => percent(share, 0) }, splitLine: { show: false } },
    yAxis: { type: "value", min: 0, name: "times normal demand", ...axisStyle(colours), nameTextStyle: { color: colours.muted, align: "left", padding: [0, 0, 0, -36] }, axisLabel: { color: colours.muted } },
    series: [
      band("95 % interval", item.lift.map(([depth, , low, high]) => [depth, low, high]), colours.band),
      {
        name: "Median", type: "line", symbol: "none", data: item.lift.map(([depth, median]) => [depth, median]), lineStyle: { color: colours.accent, width: 2.5 }, itemStyle: { color: colours.accent }, z: 3,
        markLine: { silent: true, symbol: "none", lineStyle: { color: colours.muted, type: "dashed" }, label: { show: false }, data: [{ yAxis: 1 }] },
        markArea: { silent: true, itemStyle: { color: colours.line, opacity: 0.45 }, label: { show: !narrow || deepest - item.seen > deepest / 3, color: colours.muted, position: "insideTop", fontSize: 12 }, data: beyond },
      },
    ],
  };
}

function showCalibration() {
  const host = section("calibration");
  const held = data.held_out;
  if (!held || held.sets.length === 0) return void add(host, text("The history is too short to hold periods out, or nothing of its end was in stock."));
  const drawing = chart("Share of held-out cells below each quantile, beside the share that should be", 360, (colours, narrow) => ({
    grid: { left: 52, right: 20, top: 60, bottom: 48 },
    legend: { top: 0, textStyle: { color: colours.text } },
    tooltip: tooltip(colours, "item", ({ seriesName, value: [level, share] }) => [seriesName, ["Level", percent(level, 0)], ["Cells below", percent(share)]]),
    xAxis: { type: "value", min: 0, max: 1, name: "level of the quantile", nameLocation: "middle", nameGap: 30, ...axisStyle(colours), axisLabel: { color: colours.muted, formatter: (share) => percent(share, 0) }, splitNumber: narrow ? 2 : 5 },
    yAxis: { type: "value", min: 0, max: 1, name: "cells below", ...axisStyle(colours), axisLabel: { color: colours.muted, formatter: (share) => percent(share, 0) } },
    series: [
      { name: "right", type: "line", silent: true, symbol: "none", data: [[0, 0], [1, 1]], lineStyle: { color: colours.muted, type: "dashed", width: 1.5 }, itemStyle: { color: colours.muted } },
      ...held.sets.map((set, at) => ({
        name: set.cells, type: "line", symbol: "circle", symbolSize: 7, data: set.calibration, lineStyle: { width: 2, color: [colours.accent, colours.warn, colours.second][at] }, itemStyle: { color: [colours.accent, colours.warn, colours.second][at] },
      })),
    ],
  }));
  add(host,
    note(`Cells from ${dayLong(held.first)} to ${dayLong(held.last)}, forecast from before they were sold. On the dashed line the quantiles hold.`),
    drawing.host,
    table("Held-out cells that were in stock", [
      { label: "Cells", cell: (set) => set.cells },
      figure("Number", (set) => number(set.count)),
      figure(term("wape"), (set) => percent(set.wape)),
      figure(term("bias"), (set) => percent(set.bias, 1, true)),
      figure("In the 50 % band", (set) => percent(set.coverage50)),
      figure(term("coverage"), (set) => percent(set.coverage90)),
    ], held.sets, { stack: true, id: "held-out-table" }),
    note("Bands were learnt on one half of the items and judged on the other. How quickly levels forget was chosen on the same cells, so that errors are a little low: the command “endcap backtest” tells those of periods that nothing was chosen on. Cells of few pieces lie in their band more often than its level says, for nothing lies between whole pieces."));
}

function showRefused() {
  const host = section("refused");
  if (data.refused.length === 0) return void add(host, text("Every effect of every item could be told, from its own data or from similar items."));
  add(host, note("Where the data cannot tell, the interval is wide, decisions lean on it accordingly, and this is why."),
    ...longTable("Effects that are not identified", [
      { label: "Effect", cell: (row) => effectLabels[row.effect][0] },
      { label: "Reason", cell: (row) => row.reason },
      figure("Items", (row) => number(row.items)),
      { label: "Such as", cell: (row) => name(row.named.slice(0, 5).join(", ")) },
    ], data.refused, 15, { stack: true, id: "refused-table" }));
}

function showEditsSection() {
  const host = section("edits");
  if (data.edits.length === 0) return void add(host, text("Nobody edited an effect: all are used as they were estimated."));
  if (editRows().length > 0) {
    add(host, note("These are used in place of the estimates until their day. They do not agree where the two intervals share no value."), ...editsTable("Effects in use that are not the estimates"));
  }
  const idle = data.edits.filter((edit) => !edit.used);
  if (idle.length > 0) {
    add(host, table("Edits that are not used", [
      { label: "Edit", cell: (edit) => `${edit.id}: ${effectLabels[edit.effect][0]} of ${edit.of}` },
      figure("Value", (edit) => log(edit.value)),
      { label: "State", cell: (edit) => edit.state },
      { label: "By", cell: (edit) => edit.author },
      { label: "Reason", cell: (edit) => edit.reason },
    ], idle, { stack: true }));
  }
}

function showDrift() {
  const at = (level) => data.drift_levels.findIndex((known) => Math.abs(known - level) < 1e-9);
  const value = (row, level) => number(row.quantiles[at(level)], 3);
  const errors = data.held_out?.errors;
  add(section("drift"), note("How inputs and errors were distributed when the model was fitted. Later data that look different, or errors that grow, say that it is time to fit again."),
    table("Distributions when fitted", [
      { label: "Of", cell: (row) => words(row.name) },
      figure("Values", (row) => number(row.count)),
      figure("Mean", (row) => number(row.mean, 3)),
      figure("Deviation", (row) => number(row.deviation, 3)),
      figure("Zeros", (row) => percent(row.zero_share)),
      ...[0.05, 0.5, 0.95].map((level) => figure(percent(level, 0), (row) => value(row, level))),
    ], [...data.drift, ...(errors ? [errors] : [])], { stack: true, id: "drift-table" }));
}

function showCut() {
  const { cut } = data;
  const lines = [
    ["Items", `${number(cut.items)} in ${plural(cut.groups, "group")}`],
    ["Places", number(cut.places)],
    ["Periods", `${number(cut.periods)}, ${cut.first_period} to ${cut.last_period}`],
    ["Rows", number(cut.rows)],
    ["Stock ran out", `${number(cut.rows_cut_short)} rows count as a lower bound of demand, ${number(cut.rows_without_evidence)} say nothing and have no weight`],
    ["Controls", cut.controls.length === 0 ? "none" : cut.controls.join(", ")],
    ["Snapshot", cut.snapshot ?? "a panel file"],
    ["Known at", cut.as_of ?? "not recorded"],
    ["Code", data.code],
    ["Seed", String(data.seed)],
    ["Household stock left after one period", percent(data.dip_carry)],
  ];
  add(section("data-cut"), el("dl", { class: "facts" }, lines.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value)))));
  if (cut.sources.length > 0) {
    add(section("data-cut"), table("Rows by source", [
      { label: "Source", cell: (row) => name(row.source) },
      figure("Read", (row) => number(row.read)),
      figure("Loaded", (row) => number(row.loaded)),
      figure("Set aside", (row) => number(row.set_aside)),
      figure("Doubled", (row) => number(row.duplicates)),
    ], cut.sources, { stack: true, id: "sources-table" }));
  } else add(section("data-cut"), note("A panel file is read whole or not at all: no row of it was set aside."));
}

showSummary();
showGroups();
showItems();
showLift();
showCalibration();
showRefused();
showEditsSection();
showDrift();
showCut();
showContents();
watchCharts();
followReading();
document.documentElement.setAttribute("data-ready", "true");
})();
