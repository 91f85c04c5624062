// Profit and loss by cause, value against bound and references, and what each limit costs.

function showMoney() {
  const bars = data.pnl.map((part) => ({ ...part, label: partLabels[part.name] ?? words(part.name) }));
  const waterfall = chart(
    `Profit and loss of the plan by cause, ${bars.map((bar) => `${bar.label} ${money(bar.amount, true)}`).join(", ")}`, 40 * bars.length + 60,
    (colours, narrow) => barsOption(colours, narrow, bars.map((bar) => ({
      ...bar, text: money(bar.amount, true),
      colour: bar.name === "total" ? colours.accent : bar.amount < 0 ? colours.bad : colours.good,
    })), data.currency.code));
  add(section("money"),
    note("Expected profit over running no promotion, cause by cause. Each bar begins where the one before it ends."),
    waterfall.host,
    folded("Show as a table", () => table("Profit and loss by cause", [
      { label: "Cause", cell: (bar) => bar.label },
      { label: "Amount", numeric: true, cell: (bar) => el("span", { "data-minor": bar.amount }, money(bar.amount, true)) },
    ], bars, { id: "pnl-table" })),
    el("p", { class: "note" }, "By the ", term("page"), " the same plan would be worth ",
      el("strong", { id: "page-value", "data-minor": data.headline.page_value }, money(data.headline.page_value)),
      ". That sum leaves out the discount on units that would have sold anyway; do not compare it with the value above."));
}

function showBound() {
  const { headline } = data;
  const own = [{ name: "bound", label: "Proven bound", value: headline.bound }, { name: "plan", label: "This plan", value: headline.value }];
  const all = [...own, ...data.references.map((known) => ({ ...known, label: referenceLabel(known.name) }))];
  const bars = chart(`${all.map((bar) => `${bar.label} ${money(bar.value)}`).join(", ")}`, 42 * all.length + 60,
    (colours, narrow) => barsOption(colours, narrow, all.map((bar) => ({
      label: bar.label, from: 0, to: bar.value, text: money(bar.value),
      colour: bar.name === "bound" ? colours.quiet : bar.name === "plan" ? colours.accent : colours.second,
    })), data.currency.code));
  add(section("bound"),
    note("The plan beside the most that any plan could earn under the same limits, and beside two simple ways to plan. All by the planner's own expectations; the simulated worlds below are the independent test."),
    bars.host,
    folded("Show as a table", () => table("Value, bound and references", [
      { label: "Plan", cell: (bar) => bar.label },
      { label: "Value", numeric: true, cell: (bar) => money(bar.value) },
    ], all, { id: "bound-table" })));
}

const referenceLabel = (known) => (glossary[known] ? sentenceCase(glossary[known][0]) : sentenceCase(words(known)));

const limitKinds = { budget: "Budget", slots: "Promotion slots", capacity: "Supply capacity" };

/** `slots 2024-06-27 city 5` as people read it. */
function limitName(raw) {
  const [kind, period, ...rest] = raw.split(" ");
  const label = limitKinds[kind] ?? sentenceCase(words(kind));
  if (period === undefined) return label;
  const at = data.places.find((place) => place.place === rest.join(" "));
  return [`${label}:`, day(period), at ? at.name : rest.join(" ")].filter((part) => part !== "").join(" ");
}

const isMoneyLimit = (raw) => raw.startsWith("budget");

function showLimits() {
  const limits = [...data.limits].sort((a, b) => isMoneyLimit(b.name) - isMoneyLimit(a.name) || b.price - a.price);
  const amount = (limit, value) => (isMoneyLimit(limit.name) ? money(value) : number(value));
  const columns = [
    { label: "Limit", cell: (limit) => name(limitName(limit.name)) },
    { label: "Used", numeric: true, cell: (limit) => `${amount(limit, limit.used)} of ${amount(limit, limit.available)}` },
    { label: el("span", { class: "hidden" }, "Share used"), plain: "", cell: meter },
    { label: term("price", "Worth of one more"), plain: "Worth of one more", numeric: true, cell: limitPrice },
  ];
  const scarce = limits.filter((limit) => limit.price > 0);
  const free = limits.filter((limit) => limit.price <= 0);
  add(section("limits"),
    note(`${plural(scarce.length, "limit holds", "limits hold")} the plan back, ${plural(free.length, "limit does", "limits do")} not. Where to ask for more first:`),
    scarce.length ? longTable("Limits that hold the plan back", columns, scarce, 10, { stack: true, id: "limits-table" }) : text("No limit is scarce: more of any of them would earn nothing."),
    free.length ? folded(`Show the ${number(free.length)} limits with room to spare`, () => table("Limits with room to spare", columns.slice(0, 3), free, { stack: true })) : null);
}

function limitPrice(limit) {
  if (isMoneyLimit(limit.name)) return `${money(limit.price * 10 ** minorDigits, true)} per ${data.currency.code} 1`;
  const one = { slots: " per slot", capacity: " per piece" }[limit.name.split(" ")[0]] ?? "";
  return `${money(limit.price, true)}${one}`;
}

function meter(limit) {
  const share = limit.available > 0 ? Math.min(limit.used / limit.available, 1) : 0;
  return el("span", { class: "meter", "aria-hidden": "true" }, el("span", { style: `width:${(share * 100).toFixed(1)}%` }));
}

