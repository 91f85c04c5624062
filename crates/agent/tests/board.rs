//! The plan board on a small made-up shop: edits, drawings, conflicts, sliders and reasons.

use endcap_agent::board::*;
use endcap_agent::ground::Ground;
use endcap_agent::plan;
use endcap_agent::sense::Facts;
use endcap_demand::{FitSettings, Fitted, fit};
use endcap_model::*;
use endcap_plan::{OfferChange, solve};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

const WEEKS: i32 = 60;

const PAGE: &str = include_str!("../../../examples/scenarios/promo-planner.toml");

/// Six items in two groups at four stores of two cities; each is 20 % or 30 % off in its own weeks and answers strongly.
fn panel() -> Panel {
    let mut columns = PanelColumns::default();
    for (sku, place) in (0..6u32).flat_map(|sku| (0..4u32).map(move |place| (sku, place))) {
        for week in 0..WEEKS {
            let on = (week + 5 * sku as i32 + 3 * (place / 2) as i32) % 9 == 0;
            let price = if !on {
                1.0
            } else if week % 2 == 0 {
                0.8
            } else {
                0.7
            };
            let wave = 1.0 + 0.2 * f64::from((week * 7 + place as i32 * 13 + sku as i32 * 5) % 11 - 5) / 5.0;
            let level = 8.0 + 2.0 * f64::from(sku) + f64::from(place);
            columns.sku.push(sku);
            columns.place.push(place);
            columns.period.push(Period(week));
            columns.units.push((level * wave * f64::powf(price, -3.0)).round());
            columns.price.push(price);
            columns.base_price.push(1.0);
            columns.feature.push(0.0);
            columns.display.push(0.0);
            columns.stockout_share.push(0.0);
        }
    }
    let group = |n: u32| Group::new(if n < 3 { "tea" } else { "rice" });
    let sku = |n: u32| SkuEntry { sku: Sku::new(format!("item {n}")), group: group(n), tier: String::new() };
    let region = |n: u32| if n < 2 { "north" } else { "south" }.to_owned();
    let place = |n: u32| PlaceEntry { place: Place::new(format!("store {n}")), region: region(n) };
    Panel::new(Calendar::Index, (0..6).map(sku).collect(), (0..4).map(place).collect(), columns).unwrap()
}

const SCENARIO: &str = r#"
name = "shop"
assumptions = []
currency = "EUR"
horizon = 6
depths = [0.1, 0.2, 0.3]
items = { list_price = 4.0, margin_rate = 0.5, vendor_funding_share = 0.3 }
supply = { lead_time_periods = 2, opening_stock = { cover_periods = 2.0 }, holding_rate = 0.001 }

[limits]
budget = 300.0
slots = 2
spacing = 3
margin_rate_min = 0.05
fixed_cost = 1.0

[[limits.pools]]
name = "tea"
items = { groups = ["tea"] }
counts = "spend"
most = 120.0

[[limits.rules]]
items = { skus = ["item 5"] }
blackouts = [{ from = "61", to = "62" }]

[twin]
worlds = 1
seed = 1
elasticity_mean = -2.5
elasticity_sd = 0.3
pull_forward_share = 0.1
substitution_share = 0.1
shock_sd = 0.1
"#;

static GROUND: LazyLock<Ground> = LazyLock::new(|| {
    let (panel, scenario): (Panel, Scenario) = (panel(), toml::from_str(SCENARIO).unwrap());
    let settings = FitSettings { code_version: "test".into(), ..FitSettings::default() };
    let fitted: Fitted = fit(&panel, &settings, &|_, _| {}).unwrap();
    let facts = Facts { regions: Facts::regions_of(&panel), panel, items: BTreeMap::new(), stock: vec![] };
    let baseline = plan::forecast(&facts, &fitted, &scenario, &[]).unwrap();
    Ground {
        snapshot: "facts".into(),
        as_of: AsOf("2024-03-25T00:00:00Z".parse().unwrap()),
        model: hash_bytes(b"model"),
        fitted: Arc::new(fitted),
        overrides: vec![],
        edits: vec![],
        items: facts.economics(&scenario),
        states: plan::opening_stock(&facts, &baseline, &scenario),
        broken: BTreeMap::new(),
        facts: Arc::new(facts),
        baseline: Arc::new(baseline),
        scenario,
    }
});

fn bench() -> (Workbench, Board) {
    let exact = solve::Settings { gap: 0.0, ..solve::Settings::default() };
    (Workbench::new(&GROUND, &GROUND.scenario, exact), Board::new(GROUND.scenario.clone()))
}

fn drawn(bench: &mut Workbench, board: &Board, before: Option<&Drawn>) -> Drawn {
    match bench.draw(board, before.map(|drawn| &*drawn.report), &|| false).unwrap() {
        Drawing::Plan(drawn) => drawn,
        Drawing::Infeasible { conflict } => panic!("no plan: {conflict:?}"),
    }
}

fn cell<'a>(drawn: &'a Drawn, sku: &str, place: &str, period: &str) -> &'a Cell {
    let row = drawn.rows.iter().find(|row| row.sku.as_str() == sku && row.place.as_str() == place).unwrap();
    &row.cells[drawn.periods.iter().position(|known| known == period).unwrap()]
}

fn edit(text: &str) -> Edit {
    serde_json::from_str(text).unwrap()
}

fn applied(bench: &Workbench, board: &Board, text: &str) -> Board {
    bench.apply(board, &edit(text), &[]).unwrap()
}

fn refused(bench: &Workbench, board: &Board, text: &str) -> String {
    bench.apply(board, &edit(text), &[]).unwrap_err().to_string()
}

#[test]
fn rows_that_show_otherwise_after_an_edit_are_told_from_those_that_do_not() {
    let (mut bench, board) = bench();
    let before = drawn(&mut bench, &board, None);
    let row = before.rows.iter().find(|row| row.cells.iter().any(|cell| cell.depth.is_some())).unwrap();
    let at = row.cells.iter().position(|cell| cell.depth.is_some()).unwrap();
    let (sku, place, period) = (&row.sku, &row.place, &before.periods[at]);
    let lock = format!(r#"{{"edit":"lock","sku":"{sku}","place":"{place}","period":"{period}","depth":0.0}}"#);
    let locked = applied(&bench, &board, &lock);
    let after = drawn(&mut bench, &locked, Some(&before));
    let pairs = || before.rows.iter().zip(&after.rows);
    let otherwise: Vec<_> = pairs().filter(|(old, new)| new.shows_otherwise(old)).map(|(old, _)| &old.sku).collect();
    assert!(otherwise.contains(&sku) && otherwise.len() < before.rows.len(), "{otherwise:?}");
    for (old, new) in pairs().filter(|(old, new)| !new.shows_otherwise(old)) {
        let depths =
            |row: &Row| row.cells.iter().map(|cell| (cell.depth, cell.locked, cell.supply)).collect::<Vec<_>>();
        assert_eq!(depths(old), depths(new));
    }
    let some = after.of_rows(|row| row.sku == *sku);
    assert!(some.rows.iter().all(|row| row.sku == *sku) && some.totals == after.totals, "totals are those of the plan");
}

#[test]
fn a_board_shows_every_cell_and_its_totals_add_up() {
    let (mut bench, board) = bench();
    let drawn = drawn(&mut bench, &board, None);
    assert_eq!((drawn.rows.len(), drawn.periods.len()), (12, 6));
    assert!(drawn.rows.iter().all(|row| row.cells.len() == 6));
    let cells = || drawn.rows.iter().flat_map(|row| &row.cells);
    let running: Vec<&Cell> = cells().filter(|cell| cell.depth.is_some()).collect();
    assert!(!running.is_empty());
    assert_eq!(running.len(), drawn.totals.offers);
    assert_eq!(running.iter().map(|cell| cell.value).sum::<i64>(), drawn.totals.value);
    assert_eq!(drawn.totals.pnl.total(), drawn.totals.value);
    assert!(drawn.totals.spend <= drawn.totals.budget && drawn.totals.budget == 30_000);
    assert!(drawn.totals.slots.iter().all(|of| of.used.iter().all(|&used| used <= of.available)));
    assert!(cells().all(|cell| cell.because.is_some()));
    assert_eq!(drawn.report.rejected.len() + running.len(), 72);
    assert!(drawn.changed.is_empty() && drawn.value_difference.is_none());
    let blackout = cell(&drawn, "item 5", "north", "61");
    assert!(matches!(&blackout.because, Some(Because::Forbidden { rule }) if rule.contains("blackout")));
    let json = serde_json::to_value(&drawn).unwrap();
    assert!(json.get("report").is_none() && json["rows"][0]["cells"][0]["because"].is_string());
}

#[test]
fn an_edit_is_planned_at_once_and_what_changed_adds_up() {
    let (mut bench, board) = bench();
    let before = drawn(&mut bench, &board, None);
    let offer = before.report.offers[0].offer.clone();
    let period = offer.span.start.0;
    let lock =
        format!(r#"{{"edit":"lock","sku":"{}","place":"{}","period":"{period}","depth":0}}"#, offer.sku, offer.place);
    let locked = applied(&bench, &board, &lock);
    let after = drawn(&mut bench, &locked, Some(&before));
    let there = cell(&after, offer.sku.as_str(), offer.place.as_str(), &period.to_string());
    assert_eq!((there.depth, there.locked), (None, Some(Depth::ZERO)));
    assert_eq!(after.value_difference, Some(after.totals.value - before.totals.value));
    assert_eq!(after.changed.iter().map(OfferChange::value).sum::<i64>(), after.totals.value - before.totals.value);
    assert!(after.changed.iter().any(|change| matches!(change, OfferChange::Removed { offer: o, .. } if *o == offer)));
    assert!(after.totals.value <= before.totals.value);

    let unlock = format!(r#"{{"edit":"unlock","sku":"{}"}}"#, offer.sku);
    let again = applied(&bench, &locked, &unlock);
    assert_eq!(again, board);
    assert_eq!(drawn(&mut bench, &again, Some(&after)).totals.value, before.totals.value);
}

#[test]
fn drawings_do_not_depend_on_what_was_drawn_before_on_the_bench() {
    let (mut used, board) = bench();
    let before = drawn(&mut used, &board, None);
    let changed = applied(&used, &board, r#"{"edit":"lock","sku":"item 1","place":"south","period":"63","depth":0.2}"#);
    let changed = applied(&used, &changed, r#"{"edit":"budget","amount":200}"#);
    for other in [r#"{"edit":"caution","caution":1.5}"#, r#"{"edit":"slots","slots":1}"#] {
        let other = applied(&used, &board, other);
        drawn(&mut used, &other, Some(&before));
    }
    let (mut fresh, _) = bench();
    assert_eq!(drawn(&mut used, &changed, Some(&before)), drawn(&mut fresh, &changed, Some(&before)));
}

#[test]
fn moving_an_offer_locks_it_where_it_goes() {
    let (mut bench, board) = bench();
    let before = drawn(&mut bench, &board, None);
    let offer = before.report.offers[0].offer.clone();
    let (from, to) = (offer.span.start.0, if offer.span.start.0 == 65 { 60 } else { 65 });
    let shift = |from: i32, to: i32| {
        edit(&format!(
            r#"{{"edit":"shift","sku":"{}","place":"{}","from":"{from}","to":"{to}"}}"#,
            offer.sku, offer.place
        ))
    };
    let offers: Vec<Offer> = before.report.offers.iter().map(|e| e.offer.clone()).collect();
    let moved = bench.apply(&board, &shift(from, to), &offers).unwrap();
    let depths: Vec<(Option<String>, Depth)> =
        moved.scenario.limits.locks.iter().map(|lock| (lock.period.clone(), lock.depth)).collect();
    assert_eq!(depths, [(Some(from.to_string()), Depth::ZERO), (Some(to.to_string()), offer.depth)]);
    // Back again: the lock goes with it.
    let back = bench.apply(&moved, &shift(to, from), &offers).unwrap();
    let depths: Vec<_> = back.scenario.limits.locks.iter().map(|lock| (lock.period.clone(), lock.depth)).collect();
    assert_eq!(depths, [(Some(from.to_string()), offer.depth)]);
    let nothing = bench.apply(&board, &shift(from, to), &[]).unwrap_err();
    assert!(matches!(nothing, EditError::NoOffer { .. }), "{nothing}");
}

#[test]
fn edits_that_cannot_be_made_say_what_would_be() {
    let (bench, board) = bench();
    let lock = |place: &str, period: &str, depth: f64| {
        format!(r#"{{"edit":"lock","sku":"item 1","place":"{place}","period":"{period}","depth":{depth}}}"#)
    };
    let unknown = refused(&bench, &board, r#"{"edit":"lock","sku":"itm 1","depth":0.2}"#);
    assert!(unknown.contains("no item 'itm 1'") && unknown.contains("item 1"), "{unknown}");
    assert!(refused(&bench, &board, &lock("nord", "61", 0.2)).contains("nearest are north"));
    assert!(refused(&bench, &board, &lock("north", "99", 0.2)).contains("60, 65"));
    let deep = refused(&bench, &board, &lock("north", "61", 0.6));
    assert!(deep.contains("the deepest that may be locked is 47 %"), "{deep}");
    // 47 % off leaves 3 of 53, above 5 %.
    applied(&bench, &board, &lock("north", "61", 0.47));
    let one = applied(&bench, &board, r#"{"edit":"lock","sku":"item 1","place":"north","depth":0.1}"#);
    let other = refused(&bench, &one, r#"{"edit":"lock","sku":"item 1","period":"62","depth":0}"#);
    assert!(other.contains("a lock on item 1 in all periods at north says 10 %"), "{other}");
    assert!(refused(&bench, &board, r#"{"edit":"unlock","sku":"item 2"}"#).contains("nothing is locked"));
    assert!(refused(&bench, &board, r#"{"edit":"pool","name":"teas","most":3}"#).contains("the nearest are tea"));
    assert!(refused(&bench, &board, r#"{"edit":"budget","amount":-3}"#).contains("limits.budget is -3"));
    assert!(serde_json::from_str::<Edit>(r#"{"edit":"budget","amonut":3}"#).is_err());
}

#[test]
fn a_lock_replaces_the_one_on_the_same_cell_whatever_store_it_names() {
    let (bench, board) = bench();
    let one = applied(&bench, &board, r#"{"edit":"lock","sku":"item 1","place":"store 0","period":"61","depth":0.2}"#);
    let two = applied(&bench, &one, r#"{"edit":"lock","sku":"item 1","place":"north","period":"61","depth":0.1}"#);
    let locks = &two.scenario.limits.locks;
    assert_eq!((locks.len(), locks[0].place.as_ref().unwrap().as_str()), (1, "north"));
}

#[test]
fn notes_are_kept_with_the_board() {
    let (bench, board) = bench();
    let note = r#"{"edit":"note","sku":"item 0","place":"store 1","period":"60","text":"fair","by":"Ada","at":"2024-03-25T00:00:00Z"}"#;
    let noted = applied(&bench, &applied(&bench, &board, note), note);
    assert_eq!((noted.notes.len(), noted.notes[0].place.as_str()), (1, "north"));
    let kept: Board = serde_json::from_str(&serde_json::to_string(&noted).unwrap()).unwrap();
    assert_eq!(kept, noted);
    let gone = r#"{"edit":"unnote","sku":"item 0","place":"north","period":"60","by":"Ada"}"#;
    assert_eq!(applied(&bench, &noted, gone), board);
    assert!(refused(&bench, &board, gone).contains("Ada has no note"));
}

#[test]
fn conflicts_are_found_without_a_search() {
    let (mut bench, board) = bench();
    let lock = |board: &Board, sku: u32, period: i32| {
        let text = format!(r#"{{"edit":"lock","sku":"item {sku}","place":"north","period":"{period}","depth":0.2}}"#);
        applied(&bench, board, &text)
    };
    let mut locked = board.clone();
    for (sku, period) in [(0, 60), (1, 60), (3, 60), (3, 61), (5, 62)] {
        locked = lock(&locked, sku, period);
    }
    let found = bench.conflicts(&locked, &[], &[]).unwrap();
    let kinds: Vec<(ConflictKind, bool, usize)> =
        found.iter().map(|conflict| (conflict.kind, conflict.blocks, conflict.spots.len())).collect();
    let expected = [
        (ConflictKind::Calendar, true, 2),
        (ConflictKind::Blackout, true, 1),
        (ConflictKind::Slots, true, 3),
        (ConflictKind::Substitutes, false, 2),
    ];
    assert_eq!(kinds, expected, "{found:#?}");
    assert!(found.iter().all(|conflict| conflict.sentence.ends_with('.')));
    assert!(matches!(bench.draw(&locked, None, &|| false).unwrap(), Drawing::Infeasible { .. }));

    let drawn = drawn(&mut bench, &board, None);
    let offers: Vec<Offer> = drawn.report.offers.iter().map(|e| e.offer.clone()).collect();
    let mut other = offers[0].clone();
    other.depth = Depth::from_share(0.15).unwrap();
    let published = Plan {
        id: PlanId::new("spring"),
        parent: None,
        objectives: None,
        snapshot: "facts".into(),
        as_of: GROUND.as_of,
        calendar: Calendar::Index,
        span: other.span,
        currency: Currency::EUR,
        offers: vec![other],
        orders: vec![],
        transfers: vec![],
        report: (*drawn.report).clone(),
    };
    let found = bench.conflicts(&board, &offers, &[published]).unwrap();
    let overlap = found.iter().find(|conflict| conflict.kind == ConflictKind::Published).unwrap();
    assert!(overlap.sentence.contains("Plan spring already promotes") && overlap.sentence.contains("at 15 %"));
}

#[test]
fn sliders_never_fall_and_pass_through_the_plan() {
    let (mut bench, board) = bench();
    let plan = drawn(&mut bench, &board, None);
    for slider in [Slider::Budget, Slider::Slots, Slider::Pool { name: "tea".into() }] {
        let curve = bench.curve(&board, &plan.report, &slider, &|| false).unwrap();
        assert!(curve.complete && curve.levels.len() >= 6, "{curve:?}");
        let own = curve.levels.iter().find(|level| level.amount == curve.at).unwrap();
        assert_eq!((own.value, own.bound), (Some(plan.totals.value), Some(plan.totals.bound)));
        assert!(
            curve.levels.is_sorted_by_key(|level| level.value) && curve.levels.is_sorted_by_key(|level| level.bound)
        );
        for level in &curve.levels {
            let moved = bench.apply(&board, &slider.edit(level.amount), &[]).unwrap();
            assert_eq!(Some(drawn(&mut bench, &moved, None).totals.value), level.value, "{slider:?} {level:?}");
        }
        assert!(curve.levels[0].value < curve.levels.last().unwrap().value, "{curve:?}");
    }
    let none = bench.curve(&board, &plan.report, &Slider::CapacityShare, &|| false).unwrap_err();
    assert!(none.to_string().contains("sets no limit on what supply can carry"));
}

#[test]
fn an_offer_and_a_gap_both_have_their_reasons() {
    let (mut bench, board) = bench();
    let plan = drawn(&mut bench, &board, None);
    let past = bench.past();
    let e = plan.report.offers[0].clone();
    let period = e.offer.span.start.0.to_string();
    let ask = |bench: &mut Workbench, sku: &Sku, place: &Place, period: &str| {
        bench.why(&board, &plan.report, (sku, place, period), &past, &|| false).unwrap()
    };
    let why = ask(&mut bench, &e.offer.sku, &e.offer.place, &period);
    assert_eq!(why.offer.as_ref(), Some(&e));
    let runs: Vec<_> = why.reason.options.iter().filter(|option| option.runs).collect();
    assert_eq!((runs.len(), runs[0].depth, runs[0].pnl, runs[0].value), (1, e.offer.depth, e.pnl, e.value));
    assert!((runs[0].left - e.priced_margin).abs() < 1e-6);
    assert!(why.reason.stands.is_some() && why.reason.left_out.is_none());
    assert!(why.lift.iter().all(|point| 1.0 < point.q05 && point.q05 < point.q50 && point.q50 < point.q95));
    assert!(why.lift.is_sorted_by_key(|point| point.depth) && why.lift.len() == 3);
    let evidence = why.evidence.unwrap();
    assert!(evidence.own_price.periods_promoted > 0 && evidence.source == Source::Estimate);
    let stock = why.stock.unwrap();
    let at = plan.periods.iter().position(|known| *known == period).unwrap();
    assert!(stock.with[at].sales > 1.1 * stock.without[at].sales, "{stock:?}");
    assert!(why.past.len() == 5 && why.past.iter().all(|past| past.sku == e.offer.sku));
    assert_eq!(why.past[0].seen_in, SeenIn::Here);
    let lift = why.past[0].lift.unwrap();
    let expected = f64::powf(1.0 - why.past[0].depth.share(), -3.0);
    assert!((lift.1 / expected - 1.0).abs() < 0.25, "{lift:?} {expected}");

    let left = plan.report.rejected.iter().find(|r| r.because == Because::LimitsWorthMoreElsewhere).unwrap();
    let why = ask(&mut bench, &left.sku, &left.place, &left.period.0.to_string());
    let (left_out, change) = why.reason.left_out.unwrap();
    assert!(why.offer.is_none() && why.reason.stands.is_none());
    let (nearest, change) = (left_out.nearest.unwrap(), change.unwrap());
    assert!(nearest.bound_with <= plan.totals.bound && change.rise >= 0.0);
    let unknown = bench.why(&board, &plan.report, (&"item 9".into(), &"north".into(), "61"), &past, &|| false);
    assert!(unknown.unwrap_err().to_string().contains("no item 'item 9'"));
    let other = applied(&bench, &board, r#"{"edit":"budget","amount":10}"#);
    let stale = bench.why(&other, &plan.report, (&e.offer.sku, &e.offer.place, &period), &past, &|| false);
    assert!(matches!(stale.unwrap_err(), BoardError::OtherPlan));
}

#[test]
fn the_page_is_a_ready_board_with_its_six_figures() {
    let scenario = toml::from_str(PAGE).unwrap();
    let board = page_board(&scenario, None).unwrap().unwrap();
    assert_eq!((board.greedy.rows.len(), board.periods.len()), (6, 4));
    let greedy = board.greedy.kpis;
    let offers = board.greedy.rows.iter().flat_map(|row| &row.depths).flatten().count();
    assert_eq!(offers, greedy.sku_periods);
    assert!(greedy.incremental_margin > board.uniform.kpis.incremental_margin);
    assert!(greedy.budget_used <= board.inputs.budget && board.uniform.kpis.over_uniform == Some(0.0));
    let best = board.best.as_ref().unwrap();
    assert!(best.kpis.incremental_margin >= greedy.incremental_margin);
    assert!(board.bound.unwrap() >= best.kpis.incremental_margin - 0.1);
    assert!(best.given_on_baseline > best.kpis.budget_used, "the page leaves the larger part out");
    assert!(board.by_budget.iter().zip(&board.by_budget[1..]).all(|(less, more)| less.best <= more.best));
}

#[test]
fn the_page_is_drawn_anew_with_a_persons_inputs() {
    let scenario: endcap_twin::TwinScenario = toml::from_str(PAGE).unwrap();
    let drawn = |inputs: &PageInputs| page_board(&scenario, Some(inputs)).map(Option::unwrap);
    let published = page_board(&scenario, None).unwrap().unwrap();
    assert_eq!(drawn(&published.inputs).unwrap(), published, "its own inputs change nothing");
    let greedier = PageInputs { steal_rate: 0.4, ..published.inputs.clone() };
    let stolen = drawn(&greedier).unwrap();
    assert!(stolen.greedy.kpis.incremental_margin < published.greedy.kpis.incremental_margin);
    let none = drawn(&PageInputs { capacity: 0, ..published.inputs.clone() }).unwrap();
    assert_eq!(none.greedy.kpis.sku_periods, 0);
    let mut negative = published.inputs.clone();
    negative.items[0].demand = -1.0;
    assert!(drawn(&negative).unwrap_err().to_string().contains("demand of cola-6"));
    let missing = PageInputs { items: vec![], ..published.inputs };
    assert!(drawn(&missing).unwrap_err().to_string().contains("cola-6"));
}

#[test]
fn supply_behind_a_board_answers_to_its_offers() {
    let (mut bench, board) = bench();
    let plan = drawn(&mut bench, &board, None);
    let offers: Vec<Offer> = plan.report.offers.iter().map(|e| e.offer.clone()).collect();
    let with = board_supply(&GROUND, &board.scenario, &offers).unwrap();
    let without = board_supply(&GROUND, &board.scenario, &[]).unwrap();
    assert_eq!((with.cells.len(), with.periods.len()), (24, 6));
    assert!(with.glance.totals.sales > without.glance.totals.sales, "offers sell");
    let periods = || with.cells.iter().flat_map(|cell| &cell.periods);
    assert!(periods().all(|at| {
        let quantiles = [at.stock_q05, at.stock_q25, at.stock_q50, at.stock_q75, at.stock_q95];
        quantiles.is_sorted() && quantiles[0] >= 0.0
    }));
    // An offer of a region runs at both of its stores.
    assert_eq!(periods().filter(|at| at.depth.is_some()).count(), 2 * offers.len());
    assert_eq!(with.glance.totals.orders + with.glance.orders_later, with.orders.len());
    assert_eq!(
        periods().map(|at| at.ordered).sum::<i64>(),
        with.orders.iter().map(|order| order.quantity.0).sum::<i64>()
    );
    assert_eq!(with.cells.iter().map(|cell| cell.at_stake).sum::<i64>(), with.glance.at_stake);
    assert!(with.cells.is_sorted_by_key(|cell| std::cmp::Reverse(cell.at_stake)));
    assert_eq!(with.styles, [], "the shop states no sizes");
}

#[test]
fn plans_beside_one_another_differ_where_their_offers_do() {
    let (mut bench, board) = bench();
    let first = drawn(&mut bench, &board, None);
    let gone = &first.report.offers[0].offer;
    let (sku, place, period) = (&gone.sku, &gone.place, GROUND.baseline.calendar.format(gone.span.start));
    let lock = format!(r#"{{"edit":"lock","sku":"{sku}","place":"{place}","period":"{period}","depth":0}}"#);
    let locked = applied(&bench, &board, &lock);
    let second = drawn(&mut bench, &locked, Some(&first));
    let set = beside(&GROUND, &[&first.report, &second.report]);
    let row = set.rows.iter().find(|row| row.sku == *sku && row.place == *place).unwrap();
    let cell = &row.cells[set.periods.iter().position(|known| *known == period).unwrap()];
    assert!(cell.differs && cell.offers[0].unwrap().depth == gone.depth && cell.offers[1].is_none());
    assert_eq!(set.differing, set.rows.iter().map(|row| row.differing).sum::<usize>());
    let left_out = set.left_out[1].iter().find(|left| left.sku == *sku && left.period == period).unwrap();
    assert!(left_out.because.is_some() && left_out.value == first.report.offers[0].value, "{left_out:?}");
    let value = &set.figures[0];
    assert_eq!((value.figure.as_str(), value.unit), ("value", FigureUnit::Money));
    assert_eq!(value.differences, [Some(0.0), Some((second.report.value - first.report.value) as f64)]);
    let same = beside(&GROUND, &[&first.report, &first.report]);
    assert!(same.differing == 0 && same.left_out.iter().all(Vec::is_empty));
}
