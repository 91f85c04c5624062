// The calendar: items by periods, one region at a time, with the reason behind each offer.

const partLabels = {
  lift: "Margin of extra units",
  vendor_funding: "Vendors pay",
  halo: "Gained in other categories and channels",
  leftover_avoided: "Stock that is not left over",
  discount_on_baseline: "Discount on units that would have sold anyway",
  cannibalised: "Taken from substitutes",
  pulled_forward: `Taken from later ${periodWords}`,
  taken_elsewhere: "Lost in other categories and channels",
  wear_out: "Wear-out: remembered price, brand",
  supply: "Supply: holding, waste, short stock",
  fixed: "Fixed costs of offers",
  changes: "Changes to promised offers",
  total: "Total",
};

/** The shade of a depth, 1 to 5, by its rank among the depths that may be chosen. */
function shade(depth) {
  const depths = data.scenario.depths;
  const rank = depths.filter((known) => known < depth).length;
  return depths.length < 2 ? 3 : 1 + Math.round((4 * Math.min(rank, depths.length - 1)) / (depths.length - 1));
}

function showCalendar() {
  const host = section("calendar");
  if (data.offers.length === 0) {
    add(host, text("The plan has no offer: none earns its cost under these limits."));
    return;
  }
  const places = [...new Set(data.offers.map((offer) => offer.place))].sort((a, b) => placeName(a).localeCompare(placeName(b), "en", { numeric: true }));
  const why = el("aside", { class: "why", "aria-label": "Why this offer" });
  const gridHost = el("div", { class: "grid-host" });
  const show = (place) => {
    gridHost.replaceChildren(offerGrid(place, why));
    clearWhy(why);
  };
  add(host,
    note("Each cell is an offer: the number is the percentage off, the red foot the ", term("stockout"), ". Choose one to see why it is there."),
    places.length > 1 ? regionTabs(places, show) : null,
    legendOfDepths(),
    el("div", { class: "calendar" }, gridHost, why));
  show(places[0]);
}

function regionTabs(places, show) {
  if (places.length > 8) {
    return picker("Region", places.map((place) => ({ value: place, label: placeName(place) })), show);
  }
  const tabs = places.map((place, at) => el("button", {
    type: "button", class: "tab", "aria-pressed": String(at === 0), "data-place": data.places[place].place,
    onclick: (event) => {
      tabs.forEach((tab) => tab.setAttribute("aria-pressed", String(tab === event.currentTarget)));
      show(place);
    },
  }, name(placeName(place))));
  return el("div", { class: "tabs", role: "group", "aria-label": "Region" }, tabs);
}

function legendOfDepths() {
  return el("p", { class: "legend", "aria-hidden": "true" }, "Off: ",
    data.scenario.depths.map((depth) => el("span", { class: `swatch shade-${shade(depth)}` }, percent(depth, 0))), " • advertised or on display ", el("span", { class: "swatch missed" }, "runs out"));
}

function offerGrid(place, why) {
  const { start, end } = data.periods;
  const offers = data.offers.map((offer, at) => ({ ...offer, at })).filter((offer) => offer.place === place);
  const items = [...new Set(offers.map((offer) => offer.item))]
    .sort((a, b) => data.items[a].category.localeCompare(data.items[b].category, "en") || itemName(a).localeCompare(itemName(b), "en", { numeric: true }));
  const periods = Array.from({ length: end - start }, (_, at) => start + at);
  const cells = [];
  const row = (item) => el("tr", {}, el("th", { scope: "row", title: itemName(item) }, name(itemName(item))),
    periods.map((period) => {
      const offer = offers.find((known) => known.item === item && known.start <= period && period < known.end);
      if (!offer) return el("td", {});
      const button = offerButton(offer, period, why);
      cells.push(button);
      return el("td", {}, button);
    }));
  const body = [];
  let category = null;
  for (const item of items) {
    if (data.items[item].category !== category) {
      category = data.items[item].category;
      if (category !== "") body.push(el("tr", { class: "category" }, el("th", { scope: "rowgroup" }, name(category)), el("td", { colspan: periods.length })));
    }
    body.push(row(item));
  }
  const head = el("tr", {}, el("th", { scope: "col" }, "Item"), periods.map((period) => el("th", { scope: "col" }, columnHead(period))));
  const table = el("table", { class: "offers", id: "calendar-grid" },
    el("caption", { class: "hidden" }, `Offers in ${placeName(place)}, ${plural(offers.length, "offer")}`),
    el("thead", {}, head), el("tbody", {}, body));
  cells.forEach((cell, at) => cell.setAttribute("tabindex", at === 0 ? "0" : "-1"));
  table.addEventListener("keydown", (event) => moveFocus(event, cells));
  return el("div", { class: "scroll tall", role: "region", "aria-label": `Offers in ${placeName(place)}` }, table);
}

function columnHead(period) {
  const label = periodText(period);
  const [year, week] = label.split("-W");
  if (week !== undefined) return [el("span", {}, `W${week}`), el("span", { class: "month" }, year)];
  if (data.periods.calendar !== "day") return el("span", {}, label);
  return [el("span", { class: "weekday" }, dateParts(label, { weekday: "short" })), el("span", {}, dateParts(label, { day: "numeric" })),
    el("span", { class: "month" }, dateParts(label, { month: "short" }))];
}

function offerButton(offer, period, why) {
  const support = [offer.feature ? "advertised" : null, offer.display ? "on display" : null].filter(Boolean);
  const risk = offer.risk === null ? [] : [`${percent(offer.risk)} risk of running out`];
  const label = `${itemName(offer.item)}, ${periodDay(period)}: ${[`${percent(offer.depth, 0)} off`, ...support, ...risk].join(", ")}`;
  return el("button", {
    type: "button", class: `offer shade-${shade(offer.depth)}`, "aria-label": label, "data-offer": offer.at, "data-depth": offer.depth,
    onclick: (event) => showWhy(why, offer, event.currentTarget),
  }, number(offer.depth * 100, 1), support.length ? el("span", { class: "support", "aria-hidden": "true" }, "•") : null, foot(offer.risk));
}

/** Arrow keys go to the nearest offer in their direction; the grid is one stop of the tab key. */
function moveFocus(event, cells) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const from = event.target.closest("button.offer");
  if (!step || !from) return;
  event.preventDefault();
  const at = (cell) => [cell.parentElement.cellIndex, cell.parentElement.parentElement.rowIndex];
  const [column, row] = at(from);
  const distance = (cell) => {
    const [c, r] = at(cell);
    const along = (c - column) * step[0] + (r - row) * step[1];
    const aside = Math.abs((c - column) * step[1]) + Math.abs((r - row) * step[0]);
    return along > 0 ? along + 3 * aside : Infinity;
  };
  const nearest = cells.reduce((best, cell) => (distance(cell) < distance(best) ? cell : best), from);
  if (nearest === from) return;
  from.setAttribute("tabindex", "-1");
  nearest.setAttribute("tabindex", "0");
  nearest.focus();
}

function clearWhy(why) {
  why.classList.remove("open");
  why.replaceChildren(note("Choose an offer in the calendar to see what it earns and why it was chosen."));
}

function showWhy(why, offer, button) {
  document.querySelectorAll(".offer[aria-current]").forEach((cell) => cell.removeAttribute("aria-current"));
  document.querySelectorAll(`.offer[data-offer="${offer.at}"]`).forEach((cell) => cell.setAttribute("aria-current", "true"));
  const close = () => {
    clearWhy(why);
    button.removeAttribute("aria-current");
    button.focus();
  };
  why.onkeydown = (event) => event.key === "Escape" && close();
  why.replaceChildren(
    el("button", { type: "button", class: "close", "aria-label": "Close", onclick: close }, "×"),
    el("h3", { tabindex: "-1" }, name(itemName(offer.item))),
    el("p", { class: "muted" }, `${placeName(offer.place)} · ${spanText(offer.start, offer.end)} · ${percent(offer.depth)} off`,
      offer.feature ? " · advertised" : null, offer.display ? " · on display" : null),
    el("p", {}, el("strong", { class: "figure", id: "why-total", "data-minor": offer.total }, money(offer.total, true)), " expected profit (",
      term("interval"), ` ${money(offer.lo, true)} to ${money(offer.hi, true)}, from the lift alone)`),
    el("p", {}, withDays(data.reasons[offer.because])),
    whyFacts(offer),
    whyParts(offer));
  why.classList.add("open");
  why.querySelector("h3").focus({ preventScroll: true });
}

function whyFacts(offer) {
  const next = offer.next === null ? "no other depth is allowed here" : `${percent(offer.next[0])} off would earn ${money(offer.next[1], true)}`;
  const limits = offer.limits.length === 0 ? "none that is scarce" : offer.limits.map((at) => limitName(data.limits[at].name)).join("; ");
  const facts = [
    ["Units", `${units(offer.normal)} without the offer, ${units(offer.promoted)} with it`],
    ["Next-best depth", next],
    ["Scarce limits it uses", limits],
    ["Takes from the budget", money(offer.budget)],
    ["Left after paying for its limits", money(offer.margin, true)],
    ["Stock-out risk", percent(offer.risk)],
  ];
  return el("dl", { class: "facts" }, facts.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value))));
}

function whyParts(offer) {
  const parts = data.pnl.slice(0, -1).map((part, at) => ({ label: partLabels[part.name] ?? words(part.name), amount: offer.pnl[at] }));
  return table("Profit and loss of this offer", [
    { label: "Cause", cell: (part) => part.label },
    { label: "Amount", numeric: true, cell: (part) => money(part.amount, true) },
  ], [...parts, { label: "Total", amount: offer.total }]);
}

