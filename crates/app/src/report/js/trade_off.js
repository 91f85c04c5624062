// Plans under several goals: profit against revenue with the pieces as size, and both tables.

const planned = data.goals.filter((goal) => goal.answer === "plan");
const unbeaten = data.pareto ?? [];

/** Points of a chart of revenue by profit, as large as the pieces they sell. */
function cloud(label, plans, colour, symbol) {
  const most = Math.max(1, ...[...planned, ...unbeaten].map((plan) => plan.pieces));
  return {
    name: label, type: "scatter", symbol, itemStyle: { color: colour, opacity: 0.8 },
    symbolSize: ([, , pieces]) => 8 + 16 * Math.sqrt(Math.max(0, pieces) / most),
    data: plans.map((plan) => ({ value: [plan.profit, plan.revenue, plan.pieces], name: plan.goal })),
  };
}

function showTradeOff() {
  const drawing = chart("Profit and revenue of each plan; larger points sell more pieces.", 420, (colours, narrow) => ({
    grid: { left: narrow ? 64 : 84, right: 24, top: 40, bottom: 56 },
    legend: { top: 0, textStyle: { color: colours.text } },
    tooltip: tooltip(colours, "item", ({ name: goal, value: [profit, revenue, pieces] }) => [
      goal, ["Profit", money(profit, true)], ["Revenue", money(revenue, true)], ["Pieces", number(pieces, 0, true)],
    ]),
    xAxis: { type: "value", scale: true, name: `profit, ${data.currency.code}`, nameLocation: "middle", nameGap: 32, ...axisStyle(colours), axisLabel: { color: colours.muted, formatter: moneyShort, hideOverlap: true } },
    yAxis: { type: "value", scale: true, name: `revenue, ${data.currency.code}`, ...axisStyle(colours), axisLabel: { color: colours.muted, formatter: moneyShort } },
    series: [cloud("no other beats it", unbeaten, colours.accent, "circle"), cloud("goal", planned, colours.warn, "diamond")],
  }));
  add(section("trade-off"), note("Each point is a plan under the same limits; larger points sell more pieces."), drawing.host);
}

function plansTable(caption, plans, id) {
  const figure = (label, cell) => ({ label, numeric: true, cell });
  const runsOut = plans.some((plan) => plan.sell_through !== null);
  return table(caption, [
    { label: "Goal", cell: (plan) => words(plan.goal) },
    figure("Profit", (plan) => money(plan.profit)),
    figure("Revenue", (plan) => money(plan.revenue)),
    figure("Pieces", (plan) => number(plan.pieces)),
    ...(runsOut ? [figure("Sell-through", (plan) => percent(plan.sell_through))] : []),
    figure("Waste", (plan) => money(plan.wasted)),
    figure("Given away", (plan) => money(plan.spend)),
    figure("Offers", (plan) => number(plan.offers)),
    figure(term("gap"), (plan) => percent(plan.gap, 2)),
  ], plans, { id, rowAttributes: (plan) => ({ "data-minor": plan.value, "data-bound": plan.bound }) });
}

function showGoals() {
  add(section("goals"), plansTable("Plan for each goal", planned, "goals-table"));
  for (const { goal, reasons } of data.goals.filter((one) => one.answer !== "plan")) {
    add(section("goals"), text(`${words(goal)}: no plan keeps every rule: ${reasons.join("; ")}`));
  }
  data.left_out.forEach(([goal, reason]) => add(section("goals"), note(`${words(goal)} is left out: ${reason}.`)));
}

function showSet() {
  if (unbeaten.length === 0) return section("set").remove();
  add(section("set"),
    note("In profit, revenue and pieces together, among the plans of a grid of weights; each is proven for its own weights."),
    plansTable("Unbeaten plans, most profit first", unbeaten, "set-table"));
}

section("plan-name").textContent = data.scenario;
showTradeOff();
showGoals();
showSet();
showContents();
watchCharts();
followReading();
document.documentElement.setAttribute("data-ready", "true");
})();
