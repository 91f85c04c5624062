// Words for effects, and what people know better than the data: edits of effects, overrides of forecasts.

const effectStatus = {
  estimated: ["good", "Estimated", "the item's own history carries it"],
  borrowed: ["warn", "Borrowed", "mostly from similar items"],
  not_identified: ["bad", "Not identified", "the data cannot tell; the band is wide"],
};

const effectLabels = {
  own_price: ["Own price", "Log units per log of price: an elasticity."],
  cross_price: ["Substitutes' price", "Log units per log of the price of the group's other items."],
  feature: ["Advertised", "Log units when advertised."],
  display: ["On display", "Log units when on a display."],
  dip: ["Dip afterwards", "Log units lost per unit of stock that earlier promotions left in households."],
};

const interval = (low, high, digits = 2) => `${number(low, digits)} to ${number(high, digits)}`;

/** One line per edited item: what is used, by whom, and what the data say. */
function editRows() {
  return data.edits.filter((edit) => edit.used)
    .flatMap((edit) => edit.items.filter((item) => item.in_use).map((item) => ({ edit, item })));
}

function editsTable(caption) {
  return longTable(caption, [
    { label: "Item", cell: ({ item }) => name(item.item) },
    { label: "Effect", cell: ({ edit }) => effectLabels[edit.effect][0] },
    { label: "In use", numeric: true, cell: ({ edit }) => el("div", {}, number(edit.value, 2), el("span", { class: "under" }, interval(edit.lo, edit.hi))) },
    { label: "The data say", numeric: true, cell: ({ item }) => el("div", {}, number(item.mean, 2), el("span", { class: "under" }, interval(item.lo, item.hi))) },
    { label: "Agree", cell: ({ item }) => (item.contradicts ? chip("bad", "no") : chip("good", "yes")) },
    { label: "By", cell: ({ edit }) => `${edit.author}, approved by ${edit.approver}` },
    { label: "Until", nowrap: true, cell: ({ edit }) => edit.expires },
    { label: "Reason", cell: ({ edit }) => edit.reason },
  ], editRows(), 12, { stack: true, id: "edits-table" });
}

function showEdits(host) {
  if (editRows().length === 0) return;
  add(host, el("h3", {}, "Edited by people"),
    note("These effects are used in place of the estimates until their day. They do not agree where the two intervals share no value."),
    ...editsTable("Effects in use that are not the estimates"));
}

function showOverrides(host) {
  if (data.overrides.length === 0) return;
  add(host, el("h3", {}, "Changed by planners"),
    note("The forecast above, the plan and its orders follow these changes. They are scored against the model once sales are known."),
    ...longTable("Overrides in force", [
      { label: "Item", cell: (row) => name(row.item) },
      { label: "Place", cell: (row) => row.place ?? "all" },
      { label: "Periods", cell: (row) => (row.first === row.last ? day(row.first) : `${day(row.first)} to ${day(row.last)}`) },
      { label: "Change", nowrap: true, cell: (row) => row.change },
      { label: "Model", numeric: true, cell: (row) => units(row.model) },
      { label: "Planner", numeric: true, cell: (row) => units(row.planner) },
      { label: "By", cell: (row) => row.author },
      { label: "Reason", cell: (row) => el("div", {}, row.reason, row.warning ? el("span", { class: "under" }, row.warning) : null) },
    ], data.overrides, 12, { stack: true, id: "overrides-table" }));
}

