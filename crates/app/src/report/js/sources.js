// Offers left out, evidence, assumptions and where everything comes from.

function showRejected() {
  const host = section("rejected");
  if (data.rejected.length === 0) return void add(host, text("No offer came near."));
  add(host,
    note("Offers that came closest to being chosen, with the reason why they were not."),
    ...longTable("Offers left out, best first", [
      { label: "Item", cell: (offer) => name(itemName(offer.item)) },
      { label: "Region", nowrap: true, cell: (offer) => name(placeName(offer.place)) },
      { label: sentenceCase(periodWord), cell: (offer) => day(offer.period), nowrap: true },
      { label: "Off", numeric: true, cell: (offer) => percent(offer.depth) },
      { label: "Would earn", numeric: true, cell: (offer) => money(offer.total, true) },
      { label: "Misses by", numeric: true, cell: (offer) => (offer.margin === 0 ? "–" : money(Math.abs(offer.margin))) },
      { label: "Why not", cell: (offer) => withDays(data.reasons[offer.because]) },
    ], data.rejected, 10, { stack: true, id: "rejected-table" }));
}

const readyChips = { ready: ["good", "Ready"], thin: ["warn", "Thin"], not_ready: ["bad", "Not ready"] };

function showEvidence() {
  add(section("evidence"), el("h3", {}, "Forecasts of past days, made without seeing them"), ...backtestTables(),
    el("h3", {}, "Is there enough history?"), ...readinessTables(),
    el("h3", {}, "Rows of data"), ...countTables());
}

function backtestTables() {
  if (data.backtest.length === 0) return [text("No backtest was run.")];
  return [
    note("This scores forecasts only. What another plan would have sold is not in past sales."),
    table("Accuracy on past periods", [
      { label: "Way to forecast", cell: (row) => name(sentenceCase(row.method)) },
      { label: term("wape", "Error"), plain: "Error", numeric: true, cell: (row) => percent(row.wape) },
      { label: "Error on promotion", numeric: true, cell: (row) => (row.promoted === null ? "–" : percent(row.promoted)) },
      { label: term("bias", "Bias"), plain: "Bias", numeric: true, cell: (row) => percent(row.bias, 1, true) },
      { label: term("coverage", "In the 90 % band"), plain: "In the 90 % band", numeric: true, cell: (row) => (row.coverage === null ? "–" : percent(row.coverage)) },
      { label: "Cells", numeric: true, cell: (row) => number(row.cells) },
    ], data.backtest, { stack: true, id: "backtest-table" }),
  ];
}

function readinessTables() {
  if (data.readiness.length === 0) return [text("Readiness was not checked.")];
  const verdict = (row) => chip(...(readyChips[row.verdict] ?? ["quiet", words(row.verdict)]));
  return longTable("Readiness by category", [
    { label: "Category", cell: (row) => name(row.category) },
    { label: "Verdict", cell: verdict },
    { label: "Items", numeric: true, cell: (row) => number(row.skus) },
    { label: "Series", numeric: true, cell: (row) => number(row.series) },
    { label: sentenceCase(periodWords), numeric: true, cell: (row) => number(row.periods) },
    { label: "Promoted", numeric: true, cell: (row) => number(row.promoted) },
    { label: "Price moves", numeric: true, cell: (row) => number(row.variation, 3) },
    { label: "In stock", numeric: true, cell: (row) => percent(row.in_stock, 0) },
    { label: "Missing; what would help", cell: (row) => [...row.missing, ...row.helps].map(sentenceCase).join(". ") || "–" },
  ], data.readiness, 12, { stack: true, id: "readiness-table" });
}

function countTables() {
  if (data.counts.length === 0) return [text("No counts were kept.")];
  return [table("Rows by source: read = loaded + set aside + duplicates", [
    { label: "Source", cell: (row) => name(row.source) },
    { label: "Read", numeric: true, cell: (row) => number(row.read) },
    { label: "Loaded", numeric: true, cell: (row) => number(row.loaded) },
    { label: "Set aside", numeric: true, cell: (row) => number(row.set_aside) },
    { label: "Duplicates", numeric: true, cell: (row) => number(row.duplicates) },
  ], data.counts, { stack: true, id: "counts-table" })];
}

function showSources() {
  const { assumptions } = data.scenario;
  add(section("sources"),
    el("h3", {}, "What is assumed because the data do not say it"),
    assumptions.length ? el("ul", {}, assumptions.map((line) => el("li", {}, line))) : text("Nothing is assumed."),
    el("h3", {}, "Terms of the scenario"), facts(scenarioTerms(), "scenario-terms"),
    el("h3", {}, "Limits of the policy"), facts(policyTerms(), "policy-terms"),
    el("h3", {}, "Where this comes from"), facts(provenanceTerms(), "provenance"),
    el("h3", {}, "Credits"),
    data.provenance.credits.map(creditLine),
    text("Charts: Apache ECharts, Apache License 2.0; notices stand in this file."),
    el("h3", {}, "Words used"),
    el("dl", { class: "facts words" }, Object.values(glossary).map(([word, meaning]) => el("div", {}, el("dt", {}, sentenceCase(word)), el("dd", {}, meaning)))));
}

const facts = (pairs, id) => el("dl", { class: "facts", id }, pairs.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value))));

function scenarioTerms() {
  const s = data.scenario;
  return [
    ["Depths that may be chosen", s.depths.map((depth) => percent(depth)).join(", ")],
    ["List price, where none is known", moneyMajor(s.list_price)],
    ["Margin, where none is known", `${percent(s.margin_rate)} of the list price`],
    ["Items or categories with their own terms", number(s.own_terms)],
    ["Vendors pay back", `${percent(s.vendor_funding_share)} of the discount`],
    ["Most discount over the plan", moneyMajor(s.budget)],
    [`Most items on promotion per region and ${periodWord}`, number(s.slots)],
    ["Spacing", `one promotion of an item in ${plural(s.spacing, periodWord)}`],
    ["Least margin after discount", `${percent(s.margin_rate_min)} of the paid price`],
    [`Fixed cost per item, region and ${periodWord}`, moneyMajor(s.fixed_cost)],
    [`Extra pieces that supply can carry a ${periodWord}`, s.capacity_share === null ? "no limit" : `${percent(s.capacity_share)} of a region's normal demand`],
    ["Decisions locked by people", number(s.locks)],
    ["Lead time", plural(s.lead_time_periods, periodWord)],
    ["Time between orders", plural(s.review_periods, periodWord)],
    ["Opening stock, where none is known", `${number(s.cover_periods, 1)} ${periodWords} of normal demand`],
    ["Pieces in a case; fewest in an order", `${number(s.case_pack)}; ${number(s.minimum_order)}`],
    ["Shelf life", s.shelf_life === null ? "no limit" : plural(s.shelf_life, periodWord)],
    [`Holding a piece for a ${periodWord}`, `${percent(s.holding_rate, 2)} of its cost`],
    ["Throwing a piece away, beyond its cost", `${percent(s.waste_rate, 2)} of its cost`],
    ["A lost sale, beyond its margin", `${percent(s.shortage_rate, 2)} of the list price`],
    ["Simulated worlds", `${number(s.worlds)}, first seed ${s.seed}`],
    ["Hidden price sensitivity in them", `${number(s.elasticity_mean, 2)} ± ${number(s.elasticity_sd, 2)} over items`],
    ["Of their extra units, taken from later; from substitutes", `${percent(s.pull_forward_share)}; ${percent(s.substitution_share)}`],
    ["Their shock to an item's demand", `${number(s.shock_sd, 2)} (standard deviation of the log)`],
    ["Their deliveries: late; cut, by how much", `${percent(s.late_probability)}; ${percent(s.cut_probability)}, by ${percent(s.cut_share)}`],
  ];
}

function policyTerms() {
  const { limits, version, autonomy } = data.policy;
  return [
    ["Version", version],
    ["The machine may", { halted: "do nothing", advise: "show what it would do", propose: "propose; a person sends", act_with_veto: "act after a time for a veto", act: "act inside the limits" }[autonomy] ?? words(autonomy)],
    ["Deepest price cut", percent(limits.depth_max)],
    ["Least margin after discount", `${percent(limits.margin_rate_min)} of the paid price`],
    ["Most discount over the plan", moneyMajor(limits.spend_max)],
    ["Highest mean stock-out risk on promotion", percent(limits.stockout_probability_max)],
    [`Most item-places on promotion in one ${periodWord}`, percent(limits.promoted_share_max)],
    ["Worst acceptable outcome in simulated worlds", `${moneyMajor(limits.tail_value_min)} against no promotion, at the worst 5 %`],
    ["A named person must sign above", `${moneyMajor(limits.person_above)} of discount`],
  ];
}

function provenanceTerms() {
  const from = data.provenance;
  const hash = (value) => el("code", {}, value);
  return [
    ["Plan", hash(from.plan)],
    ["Changes the plan", from.parent === null ? "none: it is the first" : hash(from.parent)],
    ["Data snapshot", hash(from.snapshot)],
    ["Known as of", String(from.as_of)],
    ["History used", `${dayLong(from.history[0])} to ${dayLong(from.history[1])}`],
    ["Lift model", hash(from.model)],
    ["Scenario", hash(from.scenario)],
    ["Policy", hash(from.policy)],
    ["Content that policy judged", hash(from.judged)],
    ["Version of Endcap", from.code],
    ...from.more.map(([label, value]) => [label, value]),
  ];
}

function creditLine(credit) {
  const link = credit.address.startsWith("https://") ? el("a", { href: credit.address, rel: "noreferrer" }, credit.address) : credit.address;
  return el("p", {}, el("strong", {}, name(credit.name)), ": ", credit.text, " ", link);
}

