//! The crisis that came of learning from discounted weeks only: what estimation has to say before it is repeated.

#[path = "crisis/parts.rs"]
mod parts;
#[path = "crisis/world.rs"]
mod world;

#[test]
fn estimates_from_a_history_without_list_prices_are_flagged_tested_and_mended() {
    let all: Vec<parts::Parts> = (1..=4).map(parts::parts).collect();
    for parts in &all {
        eprintln!("{parts:?}");
        assert!(parts.flagged_and_widened, "(a) {parts:?}");
        assert!(parts.items_differ, "(b) {parts:?}");
        assert!(parts.test_without_discount, "(c) {parts:?}");
        assert!(parts.not_deepened, "(d) {parts:?}");
        assert!(parts.told_after_undiscounted_weeks, "(e) {parts:?}");
        assert!(parts.not_price, "old casual {parts:?}");
    }
    let mean = |of: fn(&parts::Parts) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    assert!(mean(|p| p.covered_before) >= 0.9 && mean(|p| p.covered_after) >= 0.75, "{all:?}");
}
