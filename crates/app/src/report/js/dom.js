// Elements of the page. Text goes in as text nodes only.

/** Makes an element; a child that is no node becomes text. */
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, ...children);
  return element;
}

function add(parent, ...children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined) continue;
    parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return parent;
}

const section = (id) => document.getElementById(id);
const text = (...children) => el("p", {}, ...children);
const note = (...children) => el("p", { class: "muted" }, ...children);
/** A name from the data, which may run from right to left. */
const name = (value) => el("bdi", { class: "name" }, value);

/** A red foot of a calendar's cell, as high as the share of demand that is not served, or the risk of it. */
const foot = (share) => (share > 0.005 ? el("i", { class: "missed", style: `height:${Math.max(3, Math.round(share * 100))}%` }) : null);

/** Words of the trade, explained on the spot and in the list at the end. */
const glossary = {
  bound: ["proven bound", "No plan under the same limits can earn more than this; worked out from the limits, not from the search."],
  gap: ["gap", "How far the plan may be below the best possible one: bound less value, over bound."],
  baseline: ["normal demand", "What would be sold without the promotion and with full shelves (the baseline)."],
  lift: ["lift", "Demand on promotion over normal demand: 1.5 × is half as much again."],
  cannibalised: ["taken from substitutes", "Margin lost because shoppers buy the promoted item in place of a similar one."],
  pulled: ["taken from later days", "Margin lost later because shoppers stocked up."],
  interval: ["95 % interval", "The true figure lies inside in about 19 of 20 such cases."],
  page: ["page formula", "A simpler sum found in textbooks: it charges the discount on the extra units only and so flatters every promotion. Shown for comparison only."],
  price: ["worth of one more", "Profit gained by one more unit of the limit; nothing when the limit is not fully used."],
  elasticity: ["price sensitivity", "Change of log demand per change of log price: at −2, a price cut of 1 % sells about 2 % more."],
  wape: ["error", "WAPE: the sum of absolute errors over the sum of units sold. Lower is better."],
  bias: ["bias", "Forecast less sales, over sales. Near 0 is better; above 0 is too high."],
  coverage: ["in the 90 % band", "Share of the cells whose sales lie between the 5 % and 95 % forecast. 90 % is right."],
  stockout: ["stock-out risk", "Probability that shoppers want more than can be on the shelf."],
  fill: ["fill rate", "Pieces sold over pieces wanted."],
  tail: ["worst 5 %", "The level that 1 world in 20 falls below (or, for losses, exceeds)."],
  twin: ["simulated world", "A made-up season with its own shoppers and deliveries, whose true response the planner does not know."],
  rotation: ["planner's rotation", "A simple reference: items take turns on promotion under the same limits."],
  greedy: ["greedy", "A simple reference: the best single offers are taken one after the other until a limit is full."],
  quantile: ["5 % to 95 %", "9 of 10 such days should lie in this band."],
};

/** A word of the glossary with its explanation behind it. */
function term(key, shown) {
  const [word, meaning] = glossary[key];
  return el("abbr", { class: "term", title: meaning, tabindex: "0" }, shown ?? word);
}

let ids = 0;
const freshId = (stem) => `${stem}-${++ids}`;

/**
 * A table. Columns: label (text or node), cell(row), numeric, nowrap, plain (the label as text
 * for narrow screens).
 * `stack` turns its rows into blocks on narrow screens; otherwise it scrolls sideways.
 */
function table(caption, columns, rows, { stack = false, id = null, rowAttributes = () => ({}) } = {}) {
  const label = (column) => column.plain ?? (column.label instanceof Node ? column.label.textContent : column.label);
  const head = el("tr", {}, columns.map((c) => el("th", { scope: "col", class: c.numeric ? "number" : null }, c.label instanceof Node ? c.label.cloneNode(true) : c.label)));
  const body = rows.map((row) => el("tr", rowAttributes(row), columns.map((column, at) => el(
    at === 0 ? "th" : "td",
    { scope: at === 0 ? "row" : null, class: column.numeric ? "number" : column.nowrap ? "nowrap" : null, "data-label": at === 0 ? null : label(column) },
    column.cell(row),
  ))));
  const made = el("table", { id, class: stack ? "stack" : null },
    el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, body));
  return el("div", { class: "scroll", tabindex: stack ? null : "0", role: "region", "aria-label": caption }, made);
}

/** Shows the first rows of a long table and the rest on demand. */
function longTable(caption, columns, rows, atMost, options = {}) {
  const first = matchMedia("(max-width: 639px)").matches ? Math.ceil(atMost / 2) : atMost;
  const shown = table(caption, columns, rows.slice(0, first), options);
  if (rows.length <= first) return [shown];
  const { id, ...others } = options;
  const rest = folded(`Show the other ${number(rows.length - first)}`, () => table(`${caption}, continued`, columns, rows.slice(first), others));
  return [shown, rest];
}

/** A fold whose content is made when it is first opened. */
function folded(summary, make) {
  const fold = el("details", {}, el("summary", {}, summary));
  fold.addEventListener("toggle", () => {
    if (fold.open && fold.children.length === 1) add(fold, make());
  });
  return fold;
}

/** A labelled list of choices, grouped where the options say so: [{value, label, group}]. */
function picker(label, options, choose) {
  const id = freshId("choice");
  const select = el("select", { id, onchange: () => choose(Number(select.value)) });
  const groups = new Map();
  for (const option of options) {
    const group = option.group ?? "";
    if (!groups.has(group)) {
      groups.set(group, group === "" ? select : select.appendChild(el("optgroup", { label: group })));
    }
    groups.get(group).appendChild(el("option", { value: option.value }, option.label));
  }
  return el("p", { class: "picker" }, el("label", { for: id }, label), select);
}

const byName = (a, b) => a.label.localeCompare(b.label, "en") || a.value - b.value;

/** A figure with its label; `figure` attributes carry the number for programs. */
function card(label, value, { id, minor, exact, under, tone } = {}) {
  const breakable = value.replaceAll("\u00a0", " ");
  return el("div", { class: `card ${tone ?? ""}` },
    el("dt", {}, label),
    el("dd", {}, el("span", { class: "figure", id, "data-minor": minor, "data-value": exact }, breakable),
      under ? el("span", { class: "under" }, under) : null));
}

const chip = (tone, value) => el("span", { class: `chip ${tone}` }, value);

