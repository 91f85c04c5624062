// The plan in short: value, bound, spend, risk, and what policy and the simulated worlds say.

const verdicts = {
  approved: ["good", "Approved", "Policy lets it go ahead without a person."],
  needs_person: ["warn", "Needs a person", "It may go ahead once a named person signs."],
  refused: ["bad", "Refused", "It breaks limits of the policy and may not go ahead."],
};

function showHeader() {
  const { start, end } = data.periods;
  document.title = `Promotion plan: ${data.headline.name}`;
  section("plan-name").textContent = data.headline.name;
  const regions = new Set(data.offers.map((offer) => offer.place)).size;
  add(section("plan-scope"),
    `${plural(end - start, periodWord)}, ${dayLong(periodText(start))} to ${dayLong(periodText(end - 1))}`,
    ` · ${plural(regions, "region")} · ${plural(data.offers.length, "offer")}`,
    ` · plan ${data.provenance.plan.slice(0, 16)}`);
}

function showSummary() {
  const { headline } = data;
  add(section("summary"),
    el("dl", { class: "cards" },
      card("Value of the plan", money(headline.value), {
        id: "plan-value", minor: headline.value, tone: "lead", under: "expected profit over running no promotion",
      }),
      card(term("bound", "Proven bound"), money(headline.bound), {
        id: "plan-bound", minor: headline.bound, under: "no plan under these limits can earn more",
      }),
      card(term("gap", "Gap to the bound"), percent(headline.gap, 2), { id: "plan-gap", exact: headline.gap, under: headline.status }),
      card("Discount given", money(headline.spend), {
        id: "plan-spend", minor: headline.spend, under: `of ${money(headline.budget)} allowed`,
      }),
      card("On promotion", `${number(headline.cells)} item-${periodWords}`, {
        id: "promoted-cells", exact: headline.cells, under: `${plural(headline.items, "item")}; each region counts by itself`,
      }),
      card(term("stockout", "Stock-out risk"), percent(headline.stockout), {
        id: "stockout-risk", exact: headline.stockout, under: `on average per promoted item and ${periodWord}`,
      })),
    policyVerdict(),
    twinVerdicts());
  if (headline.objective === "page") {
    add(section("summary"), el("p", { class: "note" }, "This plan maximises the ", term("page"), ", not the full profit and loss."));
  }
}

function policyVerdict() {
  const { verdict, reasons, signed, version } = data.policy;
  const [tone, label, meaning] = verdicts[verdict];
  return el("div", { class: "verdict" }, el("h3", {}, "What policy says"),
    el("p", {}, chip(tone, el("span", { id: "policy-verdict", "data-verdict": verdict }, label)), ` ${meaning} Policy ${version}.`,
      signed ? ` Signed by ${signed}.` : null),
    reasonList(reasons.slice(0, reasonsShown)),
    reasons.length > reasonsShown ? folded(`Show the other ${number(reasons.length - reasonsShown)}`, () => reasonList(reasons.slice(reasonsShown))) : null);
}

const reasonsShown = 6;
const reasonList = (reasons) => (reasons.length ? el("ul", {}, reasons.map((reason) => el("li", {}, withDays(sentenceCase(reason))))) : null);

/** The row of the plan's own profit in a comparison. */
const planProfit = (comparison) => comparison.rows.find((row) => row.policy === data.twin.plan && row.kpi === "profit");

/** Whether a difference is better, worse, or could be chance. */
function judged(row) {
  if (row.difference === 0 && row.diff_lo === 0 && row.diff_hi === 0) return ["quiet", "The same"];
  if (row.diff_lo === null || (row.diff_lo <= 0 && row.diff_hi >= 0)) return ["quiet", "Could be chance"];
  return row.diff_lo > 0 === row.more_is_better ? ["good", "Better"] : ["bad", "Worse"];
}

function twinVerdicts() {
  if (data.twin.comparisons.length === 0) return null;
  const sentences = data.twin.comparisons.map((comparison, at) => {
    const row = planProfit(comparison);
    if (!row || row.difference === null) return null;
    const [tone, label] = judged(row);
    return el("p", { id: `twin-verdict-${at}`, "data-minor": row.difference },
      chip(tone, label), ` Against ${words(comparison.reference)}: `, el("strong", {}, `${money(Math.abs(row.difference))} ${row.difference < 0 ? "less" : "more"}`),
      ` profit on average over ${plural(data.twin.worlds, "world")}`,
      row.diff_lo === null ? "." : [" (", term("interval"), ` ${money(row.diff_lo, true)} to ${money(row.diff_hi, true)}; `, term("tail"), ` of worlds: ${money(row.diff_tail, true)}).`]);
  });
  return el("div", { class: "verdict" }, el("h3", {}, "What ", term("twin", "simulated worlds"), " say"), sentences);
}

