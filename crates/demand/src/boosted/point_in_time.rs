//! No feature sees facts that were not known at its origin, and what is learnt from is what is asked with.

use super::features::{Codes, Horizon};
use super::history::Lens;
use super::{Boosted, sku_cells};
use crate::booster::{Booster, Column, Loss, Sample, Table};
use crate::prepare::Frame;
use endcap_model::{Calendar, Panel, PanelColumns, Period, PlaceEntry, SkuEntry, Span};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const DAYS: i32 = 70;

/// Two items at two stores whose sales are drawn from numbers; from `origin` on they are replaced by something else, as are
/// stock-outs.
fn panel(drawn: &[u32], origin: i32, later: impl Fn(usize) -> (f64, f64)) -> Panel {
    let mut columns = PanelColumns::default();
    for series in 0..4u32 {
        for day in 0..DAYS {
            let at = (series as i32 * DAYS + day) as usize;
            let number = drawn[at % drawn.len()];
            let promoted = (day + 3 * series as i32) % 9 < 2;
            let known = (f64::from(number % 23), if number.is_multiple_of(7) { 0.6 } else { 0.0 });
            let (units, out) = if day < origin { known } else { later(at) };
            columns.sku.push(series / 2);
            columns.place.push(series % 2);
            columns.period.push(Period(20_000 + day));
            columns.units.push(units);
            columns.stockout_share.push(out);
            columns.price.push(if promoted { 1.5 } else { 2.0 });
            columns.base_price.push(2.0);
            columns.feature.push(if promoted && series == 1 { 1.0 } else { 0.0 });
            columns.display.push(0.0);
        }
    }
    let sku = |name: &str| SkuEntry { sku: name.into(), group: "g".into(), tier: String::new() };
    let place = |name: &str| PlaceEntry { place: name.into(), region: String::new() };
    Panel::new(Calendar::Day, vec![sku("a"), sku("b")], vec![place("x"), place("y")], columns).unwrap()
}

/// Features of all cells of both items, as learnt from one origin and as asked for at it.
fn features(panel: &Panel, frame: &Frame, origin: i32, end: i32) -> [Vec<(usize, Vec<u32>)>; 2] {
    let prepared = frame.prepare(panel);
    let (horizon, codes) = (Horizon::of(Calendar::Day), Codes::of(panel));
    let lens = Lens::of(&prepared, None, 0.0);
    let learnt = (0..2).flat_map(|sku| {
        let cells = sku_cells(&prepared, &lens, (&codes, sku), &horizon, &[origin], (end, 1));
        cells.bits()
    });
    let learnt = learnt.collect();
    let (target, one) = ([1.0; 4], [0.0, 1.0, 2.0, 3.0]);
    let table = Table::new(vec![Column::Number(&one)]).unwrap();
    let sample = Sample { target: &target, ..Sample::default() };
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let booster = Booster::fit(&table, &sample, Loss::Tweedie(super::POWER), &super::SETTINGS, &mut random).unwrap();
    let boosted = Boosted { booster, codes, horizon };
    let asked = (0..2).flat_map(|sku| boosted.cells_ahead(&prepared, &lens, sku, origin, false).bits()).collect();
    [learnt, asked]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happens_after_the_origin_no_feature_knows_it(
        drawn in prop::collection::vec(any::<u32>(), 40..200),
        origin in 30..DAYS - 2,
        times in 0..50u32,
    ) {
        let origin_period = 20_000 + origin;
        let history = Span { start: Period(20_000), end: Period(origin_period) };
        let known = panel(&drawn, origin, |_| (0.0, 0.0));
        let frame = Frame::learn(&known, history);
        let end = 20_000 + DAYS;
        let [learnt, asked] = features(&known, &frame, origin_period, end);
        prop_assert!(!asked.is_empty());
        for other in [
            panel(&drawn, origin, |at| (f64::from(times) * (at % 5) as f64, 0.0)),
            panel(&drawn, origin, |at| (f64::from(times), if at % 2 == 0 { 0.7 } else { 0.0 })),
        ] {
            let [learnt_then, asked_then] = features(&other, &frame, origin_period, end);
            prop_assert_eq!(&asked, &asked_then);
            // Cells that say nothing are not learnt from; those that are, are read alike.
            for (row, bits) in learnt_then {
                let same = asked.iter().find(|(asked, _)| *asked == row).map(|(_, bits)| bits);
                prop_assert_eq!(same, Some(&bits), "learnt and asked differ at row {}", row);
            }
        }
        prop_assert!(learnt.iter().all(|cell| asked.contains(cell)));
    }
}
