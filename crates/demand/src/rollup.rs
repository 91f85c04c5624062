//! Past promotions rolled up: by category, depth, support, season or item, with what each group earned and why.
//!
//! Errors of one item's promotions are taken as one error, since its effects are estimated once; those of different items as
//! independent. A group's effect is what it earned per money of usual sales (or units per usual units where no cost is known),
//! drawn towards the whole ([`crate::shrink`]); promotions of one item in a group are one case of it.
//!
//! Never splits a promotion itself: it adds up what [`crate::analyse`] found.

use crate::analysis::{Analysed, Analysis, MoneyParts, Verdict};
use crate::events::Split;
use crate::fit::Z95;
use crate::shrink::{Measurement, Shrunk, towards_whole};
use endcap_model::{Calendar, Depth, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What past promotions are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Category of the item.
    Category,
    /// Tenths of depth.
    Depth,
    /// Advert, display, both or neither.
    Support,
    /// Month in which it began.
    Season,
    /// The item.
    Item,
}

/// What effects are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Profit per money of usual sales.
    Profit,
    /// Net units per usual unit: no cost is known.
    Units,
}

/// Past promotions of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RolledUp {
    /// The group's name.
    pub name: String,
    /// Its promotions.
    pub events: usize,
    /// Items that they were of.
    pub items: usize,
    /// Promotions that paid.
    pub paid: usize,
    /// Promotions that did not.
    pub did_not_pay: usize,
    /// Promotions with a loss expected, whether or not it is certain.
    pub gave_margin_away: usize,
    /// Promotions whose cost is known.
    pub costed: usize,
    /// Money given away.
    pub given_away: f64,
    /// Net units.
    pub net: Split,
    /// Profit of those whose cost is known; nothing where none is.
    pub profit: Option<Split>,
    /// Where that profit came from and went.
    pub parts: Option<MoneyParts>,
    /// Profit of the same by the usual report.
    pub naive_profit: Option<f64>,
    /// Units that empty shelves lost.
    pub lost_units: f64,
    /// Margin that they lost, of those whose cost is known.
    pub lost_margin: f64,
    /// Effect of its promotions; nothing where usual sales are none.
    pub effect: Option<Shrunk>,
}

/// All groups.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RollUp {
    /// What effects are counted in.
    pub measure: Measure,
    /// All promotions together; its effect is the mean of all items.
    pub total: RolledUp,
    /// The groups: most profit first, or in their own order (depths, months).
    pub groups: Vec<RolledUp>,
}

/// Place and name of a group.
pub(crate) type Label = (u32, String);

/// Rolls past promotions up.
pub fn roll_up(analysis: &Analysis, by: By, category: &dyn Fn(&Sku) -> Option<String>, calendar: Calendar) -> RollUp {
    let label = |event: &Analysed| match by {
        By::Category => (0, category_of(event, category)),
        By::Depth => depth_band(event.event.depth),
        By::Support => support(event),
        By::Season => month(event, calendar),
        By::Item => (0, event.event.sku.to_string()),
    };
    let groups = grouped(&analysis.events, &label);
    let measure = measure(analysis);
    let effects = effects(groups.values(), measure);
    let all: Vec<&Analysed> = analysis.events.iter().collect();
    let effect = effects_of(&all, measure).filter(|cases| !cases.is_empty()).map(|cases| towards_whole(&[cases])[0]);
    let mut rows: Vec<(u32, RolledUp)> = groups
        .iter()
        .zip(effects)
        .map(|(((place, name), events), effect)| (*place, RolledUp { effect, ..RolledUp::of(name, events) }))
        .collect();
    let worth = |row: &RolledUp| row.profit.map_or(row.net.units - 1e15, |profit| profit.units);
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(worth(&b.1).total_cmp(&worth(&a.1))));
    let total = RolledUp { effect, ..RolledUp::of("", &all) };
    RollUp { measure, total, groups: rows.into_iter().map(|(_, row)| row).collect() }
}

/// What effects can be counted in.
pub(crate) fn measure(analysis: &Analysis) -> Measure {
    if analysis.events.iter().any(|event| event.money.is_some()) { Measure::Profit } else { Measure::Units }
}

pub(crate) fn grouped<'a>(
    events: &'a [Analysed],
    label: &dyn Fn(&Analysed) -> Label,
) -> BTreeMap<Label, Vec<&'a Analysed>> {
    let mut groups: BTreeMap<Label, Vec<&Analysed>> = BTreeMap::new();
    events.iter().for_each(|event| groups.entry(label(event)).or_default().push(event));
    groups
}

/// Effects of groups, drawn towards the whole; nothing for those without a case.
pub(crate) fn effects<'a, 'b: 'a>(
    groups: impl Iterator<Item = &'a Vec<&'b Analysed>>,
    measure: Measure,
) -> Vec<Option<Shrunk>> {
    let cases: Vec<Option<Vec<Measurement>>> = groups.map(|events| effects_of(events, measure)).collect();
    let known: Vec<Vec<Measurement>> = cases.iter().flatten().cloned().collect();
    let mut shrunk = towards_whole(&known).into_iter();
    cases.iter().map(|cases| cases.as_ref().and_then(|_| shrunk.next())).collect()
}

/// One case for each item: what its promotions brought over its usual sales; nothing where no item has any.
fn effects_of(events: &[&Analysed], measure: Measure) -> Option<Vec<Measurement>> {
    let mut items: BTreeMap<&Sku, [f64; 3]> = BTreeMap::new();
    for event in events {
        let found = match measure {
            Measure::Profit => event.money.as_ref().map(|money| (money.profit, event.usual_sales)),
            Measure::Units => Some((event.event.net, event.event.baseline)),
        };
        let Some((brought, usual)) = found.filter(|(_, usual)| *usual > 0.0) else { continue };
        let sums = items.entry(&event.event.sku).or_default();
        sums[0] += brought.units;
        sums[1] += (brought.hi95 - brought.lo95) / (2.0 * Z95);
        sums[2] += usual;
    }
    let case = |[brought, se, usual]: &[f64; 3]| Measurement {
        value: brought / usual,
        variance: (se / usual).powi(2).max(f64::MIN_POSITIVE.sqrt()),
    };
    (!items.is_empty()).then(|| items.values().map(case).collect())
}

pub(crate) fn category_of(event: &Analysed, category: &dyn Fn(&Sku) -> Option<String>) -> String {
    category(&event.event.sku).unwrap_or_else(|| "no category".to_owned())
}

/// Tenths: up to 10 %, over 10 to 20 %, and on.
pub(crate) fn depth_band(depth: Depth) -> Label {
    let tenth = u32::from(depth.basis_points()).saturating_sub(1) / 1000;
    let name = match tenth {
        0 => "up to 10 %".to_owned(),
        tenth => format!("over {} to {} %", tenth * 10, (tenth + 1) * 10),
    };
    (tenth, name)
}

/// What supported it in at least half of its cells.
pub(crate) fn support(event: &Analysed) -> Label {
    match (event.feature >= 0.5, event.display >= 0.5) {
        (false, false) => (0, "price alone".to_owned()),
        (true, false) => (1, "advert".to_owned()),
        (false, true) => (2, "display".to_owned()),
        (true, true) => (3, "advert and display".to_owned()),
    }
}

fn month(event: &Analysed, calendar: Calendar) -> Label {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    match calendar.start_date(event.event.span.start) {
        Some(date) => (date.month() as u32, NAMES[date.month() as usize - 1].to_owned()),
        None => (0, "no dates".to_owned()),
    }
}

impl RolledUp {
    /// Counts and sums of promotions, without their effect.
    pub(crate) fn of(name: &str, events: &[&Analysed]) -> Self {
        let are = |verdict: Verdict| events.iter().filter(|event| event.verdict == verdict).count();
        let money: Vec<_> = events.iter().filter_map(|event| event.money.as_ref()).collect();
        let profits = events.iter().filter_map(|event| Some((&event.event.sku, event.money.as_ref()?.profit)));
        let stockouts = || events.iter().filter_map(|event| event.stockouts);
        Self {
            name: name.to_owned(),
            events: events.len(),
            items: events.iter().map(|event| &event.event.sku).collect::<std::collections::BTreeSet<_>>().len(),
            paid: are(Verdict::Paid),
            did_not_pay: are(Verdict::DidNotPay),
            gave_margin_away: money.iter().filter(|money| money.profit.units < 0.0).count(),
            costed: money.len(),
            given_away: events.iter().map(|event| event.given_away).sum(),
            net: by_item(events.iter().map(|event| (&event.event.sku, event.event.net))),
            profit: (!money.is_empty()).then(|| by_item(profits)),
            parts: (!money.is_empty()).then(|| MoneyParts::of(money.iter().copied())),
            naive_profit: (!money.is_empty()).then(|| money.iter().filter_map(|money| money.naive).sum()),
            lost_units: stockouts().map(|out| out.lost.units).sum(),
            lost_margin: stockouts().filter_map(|out| out.margin).map(|margin| margin.units).sum(),
            effect: None,
        }
    }
}

/// Sum of splits: errors of one item are one error, those of different items independent.
fn by_item<'a>(splits: impl Iterator<Item = (&'a Sku, Split)>) -> Split {
    let (mut units, mut halves) = (0.0, BTreeMap::<&Sku, f64>::new());
    for (sku, split) in splits {
        units += split.units;
        *halves.entry(sku).or_default() += (split.hi95 - split.lo95) / 2.0;
    }
    let half = halves.values().map(|half| half * half).sum::<f64>().sqrt();
    Split { units, lo95: units - half, hi95: units + half }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::analysis::{ItemTotal, Money};
    use crate::events::PromotionEvent;
    use endcap_model::{Period, Span};

    /// A promotion of 100 of usual sales that earned so much, give or take.
    pub(crate) fn promotion(sku: &str, day: i32, depth: f64, (profit, half): (f64, f64)) -> Analysed {
        let split = |units: f64| Split { units, lo95: units - half, hi95: units + half };
        let nothing = Split::default();
        let verdict = match (profit - half > 0.0, profit + half < 0.0) {
            (true, _) => Verdict::Paid,
            (_, true) => Verdict::DidNotPay,
            _ => Verdict::CannotTell,
        };
        let money = Money {
            own: split(profit + 10.0),
            anyway: Split { units: -10.0, ..nothing },
            cannibalised: nothing,
            pulled_forward: nothing,
            halo: None,
            profit: split(profit),
            probability_paid: 0.5,
            roi: None,
            naive: Some(profit + 10.0),
        };
        Analysed {
            event: PromotionEvent {
                sku: sku.into(),
                region: String::new(),
                span: Span::of_length(Period(day), 1),
                depth: Depth::from_share(depth).unwrap(),
                places: 1,
                baseline: 50.0,
                own: split(20.0),
                cannibalised: nothing,
                pulled_forward: nothing,
                halo: None,
                net: split(20.0),
                naive: None,
            },
            sold: 70.0,
            forecast: None,
            feature: 0.0,
            display: 0.0,
            usual_sales: 100.0,
            stockouts: None,
            given_away: 10.0,
            revenue: split(20.0),
            money: Some(money),
            break_even_margin: None,
            verdict,
            why: String::new(),
        }
    }

    pub(crate) fn analysis(events: Vec<Analysed>) -> Analysis {
        let total = ItemTotal::counted(&events);
        Analysis { events, items: vec![], total }
    }

    /// By hand: a earned 12 ± 3 and 8 ± 4 (one error: ± 7), b lost 5 ± 2: together 15 ± √(49 + 4).
    #[test]
    fn sums_keep_that_errors_of_one_item_are_one() {
        let events = vec![
            promotion("a", 0, 0.2, (12.0, 3.0)),
            promotion("a", 40, 0.1, (8.0, 4.0)),
            promotion("b", 0, 0.3, (-5.0, 2.0)),
        ];
        let up = roll_up(&analysis(events), By::Category, &|_| None, Calendar::Day);
        let total = &up.total;
        let profit = total.profit.unwrap();
        assert_eq!((profit.units, total.events, total.items, total.paid), (15.0, 3, 2, 2));
        assert!((profit.hi95 - 15.0 - 53.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!((total.did_not_pay, total.gave_margin_away, total.given_away), (1, 1, 30.0));
        assert_eq!(total.parts.unwrap().anyway, -30.0);
        assert_eq!((total.naive_profit, up.groups.len()), (Some(45.0), 1));
    }

    #[test]
    fn groups_come_in_their_own_order_or_by_profit() {
        let events = vec![
            promotion("a", 40, 0.2, (-3.0, 1.0)),
            promotion("b", 0, 0.35, (5.0, 1.0)),
            promotion("c", 41, 0.201, (1.0, 1.0)),
        ];
        let analysis = analysis(events);
        let names = |by| {
            let up = roll_up(&analysis, by, &|sku| Some(format!("of {sku}")), Calendar::Day);
            up.groups.into_iter().map(|group| group.name).collect::<Vec<_>>()
        };
        assert_eq!(names(By::Depth), ["over 10 to 20 %", "over 20 to 30 %", "over 30 to 40 %"]);
        assert_eq!(names(By::Category), ["of b", "of c", "of a"]);
        assert_eq!(names(By::Support), ["price alone"]);
        assert_eq!(names(By::Season), ["January", "February"]);
    }

    /// By hand: promotions of a bring 20 of 200 (half width 7 of 200: variance 0.035² / 1.96²), one case.
    #[test]
    fn promotions_of_one_item_are_one_case_of_the_effect() {
        let events = vec![promotion("a", 0, 0.2, (12.0, 3.0)), promotion("a", 40, 0.1, (8.0, 4.0))];
        let up = roll_up(&analysis(events), By::Item, &|_| None, Calendar::Day);
        let effect = up.groups[0].effect.unwrap();
        assert!(
            (effect.measured.units - 0.1).abs() < 1e-12 && (effect.measured.hi95 - 0.135).abs() < 1e-12,
            "{effect:?}"
        );
    }
}
