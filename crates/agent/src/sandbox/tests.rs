use super::*;

fn sandbox() -> Sandbox {
    let text = include_str!("../../../../examples/scenarios/practice.toml");
    Sandbox::new(toml::from_str(text).unwrap()).unwrap()
}

fn offer(sku: &str, week: usize, depth: f64) -> PlannedOffer {
    PlannedOffer { sku: sku.into(), week, depth: Depth::from_share(depth).unwrap() }
}

fn turn(from: usize, weeks: usize, offers: &[PlannedOffer]) -> Turn {
    Turn { from, weeks, offers: offers.to_vec(), orders: BTreeMap::new() }
}

fn new_game() -> Game {
    Game { world: 7, turns: vec![] }
}

#[test]
fn a_game_is_its_world_and_its_turns_and_stands_the_same_however_often_it_is_lived() {
    let sandbox = sandbox();
    let offers = [offer("coffee", 3, 0.2), offer("crisps", 3, 0.3), offer("coffee", 8, 0.1)];
    let game = sandbox.play(&new_game(), turn(0, 4, &offers)).unwrap();
    let standing = sandbox.standing(&game).unwrap();
    let kept: Game = serde_json::from_str(&serde_json::to_string(&game).unwrap()).unwrap();
    assert_eq!(standing, sandbox.standing(&kept).unwrap());
    assert_eq!((standing.now, &standing.offers[..]), (4, &offers[2..]));
    let coffee = standing.items.iter().find(|item| item.sku.as_str() == "coffee").unwrap();
    assert!((coffee.played[3].depth - 0.2).abs() < 1e-2 && coffee.played[2].depth == 0.0, "{:?}", coffee.played);
    assert!(coffee.played[3].sold as f64 > 1.3 * coffee.played[2].sold as f64, "{:?}", coffee.played);
    assert_eq!(coffee.past.len(), 52);
    assert!(coffee.past.iter().any(|week| week.depth > 0.05), "the past had offers to learn from");
}

#[test]
fn weeks_played_one_by_one_come_to_the_same_as_together() {
    let sandbox = sandbox();
    let offers = [offer("cola", 3, 0.2), offer("tea", 5, 0.1)];
    let together = sandbox.play(&new_game(), turn(0, 6, &offers)).unwrap();
    let mut apart = new_game();
    for week in 0..6 {
        let ahead: Vec<PlannedOffer> = offers.iter().filter(|offer| offer.week >= week).cloned().collect();
        apart = sandbox.play(&apart, turn(week, 1, &ahead)).unwrap();
    }
    let (one, other) = (sandbox.standing(&together).unwrap(), sandbox.standing(&apart).unwrap());
    assert_eq!((one.items, one.earned), (other.items, other.earned));
}

#[test]
fn an_offer_planned_in_time_is_ordered_for_and_one_planned_late_is_not() {
    let sandbox = sandbox();
    let planned = [offer("coffee", 4, 0.3)];
    let early = sandbox.play(&new_game(), turn(0, 5, &planned)).unwrap();
    let late = sandbox.play(&new_game(), turn(0, 4, &[])).unwrap();
    let late = sandbox.play(&late, turn(4, 1, &planned)).unwrap();
    let sold = |game: &Game| {
        let standing = sandbox.standing(game).unwrap();
        let coffee = standing.items.into_iter().find(|item| item.sku.as_str() == "coffee").unwrap();
        (coffee.played[4].sold, coffee.played[4].stores_out, coffee.played[2].ordered + coffee.played[3].ordered)
    };
    let ((early_sold, _, early_ordered), (late_sold, late_out, late_ordered)) = (sold(&early), sold(&late));
    assert!(early_sold > late_sold && early_ordered > late_ordered, "{:?} {:?}", sold(&early), sold(&late));
    assert!(late_out > 0, "shelves ran empty");
}

#[test]
fn what_the_person_orders_is_ordered() {
    let sandbox = sandbox();
    let said = Turn { orders: BTreeMap::from([("tea".into(), 500), ("cola".into(), 0)]), ..turn(0, 1, &[]) };
    let standing = sandbox.standing(&sandbox.play(&new_game(), said).unwrap()).unwrap();
    let of = |sku: &str| standing.items.iter().find(|item| item.sku.as_str() == sku).unwrap().played[0].ordered;
    assert_eq!((of("tea"), of("cola")), (500, 0));
}

#[test]
fn turns_that_break_the_limits_are_refused_with_what_was_expected() {
    let sandbox = sandbox();
    let game = sandbox.play(&new_game(), turn(0, 2, &[offer("tea", 1, 0.1)])).unwrap();
    let refusal = |turn: Turn| sandbox.play(&game, turn).unwrap_err().to_string();
    let twice = refusal(turn(0, 1, &[]));
    assert!(twice.contains("2026-W10 has been played already") && twice.contains("2026-W12"), "{twice}");
    assert!(refusal(turn(2, 0, &[])).contains("expected 1 to 11"));
    assert!(refusal(turn(2, 12, &[])).contains("expected 1 to 11"));
    assert!(refusal(turn(2, 1, &[offer("tea", 3, 0.1)])).contains("expected 4 weeks between"));
    assert!(refusal(turn(2, 1, &[offer("milk", 3, 0.1)])).contains("no such item"));
    assert!(refusal(turn(2, 1, &[offer("cola", 1, 0.1)])).contains("from 2026-W12 on"));
    assert!(refusal(turn(2, 1, &[offer("cola", 13, 0.1)])).contains("week 14"));
    assert!(refusal(turn(2, 1, &[offer("cola", 3, 0.15)])).contains("expected 10 %, 20 %, 30 %"));
    let three = [offer("cola", 5, 0.1), offer("crisps", 5, 0.1), offer("coffee", 5, 0.1)];
    assert!(refusal(turn(2, 1, &three)).contains("at most 2 in all"));
    let negative = Turn { orders: BTreeMap::from([("tea".into(), -1)]), ..turn(2, 1, &[]) };
    assert!(refusal(negative).contains("-1 pieces"));
    assert_eq!(sandbox.compare(&game).unwrap_err(), SandboxError::NotOver { left: 11 });
}

#[test]
fn at_the_end_the_person_stands_beside_the_policies_of_the_same_world() {
    let sandbox = sandbox();
    let game = sandbox.play(&new_game(), turn(0, 13, &[offer("coffee", 3, 0.2)])).unwrap();
    assert_eq!(sandbox.play(&game, turn(13, 1, &[])), Err(SandboxError::Over));
    let comparison = sandbox.compare(&game).unwrap();
    let names: Vec<&str> = comparison.played.iter().map(|by| by.name.as_str()).collect();
    assert_eq!(names, ["you", "no promotions", "spreadsheet", "siloed", "integrated"]);
    let you = &comparison.played[0];
    let standing = sandbox.standing(&game).unwrap();
    assert_eq!((you.outcome.revenue, you.outcome.margin), (standing.earned.revenue, standing.earned.margin));
    assert!(comparison.played.iter().all(|by| by.outcome.seed == 7 && by.sold.len() == 13));
    assert!(comparison.hidden.iter().all(|item| item.lift.len() == 3 && item.lift[0].1 > 1.0));
    for by in &comparison.played {
        eprintln!("{}: profit {}, fill {:.3}", by.name, by.outcome.profit, by.outcome.fill_rate);
    }
}
