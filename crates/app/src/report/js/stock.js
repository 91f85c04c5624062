// Stock paths with their risk, and the orders behind them.

function showStock() {
  const host = section("stock");
  if (data.stock.length > 0) {
    const place = el("div", {});
    const show = (at) => place.replaceChildren(...stockOf(data.stock[at]));
    const options = data.stock.map((path, at) => ({ ...itemOption(path.item, at), label: `${itemName(path.item)}, ${placeName(path.place)}` })).sort(byName);
    add(host,
      note("Pieces expected at the end of each ", periodWord, " with the orders of this plan, and the ", term("stockout"), "."),
      picker("Item and place", options, show), place);
    show(options[0].value);
    add(host, riskiest());
  }
  add(host, el("h3", {}, "Orders"), ...orderTables());
}

function stockOf(path) {
  const drawing = chart(`Stock of ${itemName(path.item)} in ${placeName(path.place)}, with the risk of running out`, 400, (colours, narrow) => stockOption(path, colours, narrow));
  requestAnimationFrame(drawing.redraw);
  return [drawing.host, folded("Show as a table", () => stockTable(path))];
}

function stockOption(path, colours, narrow) {
  const labels = path.rows.map(([period]) => periodText(period));
  const figures = path.rows.map(([, row]) => row);
  const riskTop = [0.1, 0.2, 0.5].find((top) => path.worst <= top) ?? 1;
  const axis = (grid, shown) => ({
    type: "category", gridIndex: grid, data: labels, ...axisStyle(colours), splitLine: { show: false },
    axisLabel: { show: shown, color: colours.muted, formatter: dayShort, hideOverlap: true },
  });
  return {
    legend: { data: ["Median stock", "5 % to 95 %", "Arrives"], textStyle: { color: colours.text }, top: 0, itemGap: 12, inactiveColor: colours.muted },
    grid: [{ left: 50, right: 12, top: 58, bottom: 150 }, { left: 50, right: 12, height: 70, bottom: 30 }],
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    tooltip: tooltip(colours, "axis", (parameters) => stockTip(path.rows[parameters[0].dataIndex])),
    xAxis: [axis(0, false), axis(1, true)],
    yAxis: [
      { type: "value", name: "pieces", nameTextStyle: { color: colours.muted, align: "left", padding: [0, 0, 0, -36] }, ...axisStyle(colours), axisLabel: { color: colours.muted } },
      {
        type: "value", gridIndex: 1, min: 0, max: riskTop, interval: riskTop / 2, name: "stock-out risk", ...axisStyle(colours),
        nameTextStyle: { color: colours.muted, align: "left", padding: [0, 0, -4, -36] }, axisLabel: { color: colours.muted, formatter: (share) => percent(share, 0) },
      },
    ],
    series: [
      band("5 % to 95 %", figures.map((row, at) => [at, row[0], row[2]]), colours.band),
      { name: "Arrives", type: "bar", data: figures.map((row) => row[4]), itemStyle: { color: colours.quiet }, barWidth: narrow ? "45%" : "30%" },
      { name: "Median stock", type: "line", data: figures.map((row) => row[1]), symbol: "circle", symbolSize: 5, itemStyle: { color: colours.accent }, lineStyle: { color: colours.accent, width: 2.5 }, z: 3 },
      { name: "Stock-out risk", type: "bar", xAxisIndex: 1, yAxisIndex: 1, data: figures.map((row) => row[3]), itemStyle: { color: colours.bad }, barWidth: "60%" },
    ],
  };
}

const stockTip = ([period, row]) => [
  periodDay(period), ["Median stock", units(row[1])], ["5 % to 95 %", `${units(row[0])} to ${units(row[2])}`],
  ["Stock-out risk", percent(row[3])], ["Arrives", units(row[4])], ["Expected sales", units(row[5])], ["Wanted and not there", units(row[6])], ["Past shelf life", units(row[7])],
];

const stockTable = (path) => table(`Stock of ${itemName(path.item)} in ${placeName(path.place)}`, [
  { label: sentenceCase(periodWord), cell: ([period]) => periodDay(period) },
  { label: "5 %", numeric: true, cell: ([, row]) => units(row[0]) },
  { label: "Median", numeric: true, cell: ([, row]) => units(row[1]) },
  { label: "95 %", numeric: true, cell: ([, row]) => units(row[2]) },
  { label: "Stock-out risk", numeric: true, cell: ([, row]) => percent(row[3]) },
  { label: "Arrives", numeric: true, cell: ([, row]) => units(row[4]) },
  { label: "Sales", numeric: true, cell: ([, row]) => units(row[5]) },
  { label: "Lost", numeric: true, cell: ([, row]) => units(row[6]) },
  { label: "Waste", numeric: true, cell: ([, row]) => units(row[7]) },
], path.rows);

function riskiest() {
  const paths = [...data.stock].sort((a, b) => b.worst - a.worst).slice(0, 8);
  return table("Where stock is most likely to run out, among the series shown here", [
    { label: "Item", cell: (path) => name(itemName(path.item)) },
    { label: "Place", cell: (path) => name(placeName(path.place)) },
    { label: `Highest risk in one ${periodWord}`, numeric: true, cell: (path) => percent(path.worst) },
  ], paths, { stack: true, id: "risk-table" });
}

function orderTables() {
  const { orders } = data;
  if (orders.orders === 0) return [text("The plan needs no order.")];
  const total = el("p", { id: "orders-total", "data-pieces": orders.pieces, "data-orders": orders.orders },
    el("strong", {}, `${plural(orders.orders, "order")}, ${plural(orders.pieces, "piece")}`),
    orders.cost === null ? null : `, ${money(orders.cost)} at cost`,
    `; of these ${plural(orders.pieces_now, "piece")} must be ordered before the plan begins.`,
    orders.transfers ? ` ${sentenceCase(plural(orders.transfers, "transfer"))} between places.` : null);
  return [total, ...longTable("Largest orders", [
    { label: "Item", cell: (order) => name(itemName(order.item)) },
    { label: "Place", nowrap: true, cell: (order) => name(placeName(order.place)) },
    { label: "Supplier", cell: (order) => name(order.supplier ?? "not known") },
    { label: "Order at the end of", nowrap: true, cell: (order) => periodDay(order.ordered) },
    { label: "Arrives", nowrap: true, cell: (order) => periodDay(order.arrives) },
    { label: "Pieces", numeric: true, cell: (order) => number(order.quantity) },
  ], orders.shown, 10, { stack: true, id: "orders-table" })];
}

