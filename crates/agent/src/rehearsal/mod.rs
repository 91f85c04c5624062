//! Rehearsal: made-up seasons in which the gate for models is tried, by the loop's own step and with a truth to judge by.
//!
//! Tells how often a season in which nothing happens changes its champion, and for the worse; whether a bad challenger ever
//! passes; how soon a better one does. A challenger is harmful where its forecasts lie further from the true expectations of
//! the next quarter than those of the champion that it displaced.

mod shop;

use crate::learn::{RefitRules, contested, registered, watched};
use crate::step::{Effect, Job, State, step};
use endcap_demand::{FitSettings, Fitted, fit, forecast};
use endcap_govern::succession::Rules;
use endcap_model::{ContentHash, Event, Panel, SnapshotId, Succession, canonical_json, hash_bytes};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use shop::{Shop, Turn, changed};
use std::collections::BTreeMap;

/// Weeks of history before a season, of a season, and after it to judge by.
const HISTORY: usize = 60;
const SEASON: usize = 26;
const AFTER: usize = 13;
/// Weeks since shoppers have changed when a better challenger is fitted.
const TURNED: usize = 26;
/// By how much further from the truth, as a share, a swap is harmful.
const HARM: f64 = 0.01;

/// What happens in a season.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing: refits come by schedule or by chance.
    Clean,
    /// A challenger from poisoned sales, or whose file was changed.
    Poisoned,
    /// A challenger that follows the noise of a few rows.
    Overfitted,
    /// A challenger from an old history, some of it under new dates.
    Stale,
    /// A challenger that knows how shoppers answer now, where the champion does not.
    Better,
}

/// How a season went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Season {
    /// Its seed.
    pub seed: u64,
    /// What happened in it.
    pub kind: Kind,
    /// Models that were fitted after the first.
    pub challengers: usize,
    /// Weeks after which a challenger became champion.
    pub swaps: Vec<usize>,
    /// Swaps to a model that is further from the truth.
    pub harmful: usize,
    /// Distance from the truth of each new champion over that of the one before.
    pub distance: Vec<f64>,
    /// What the gate said last.
    pub told: Vec<String>,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Clean, Self::Poisoned, Self::Overfitted, Self::Stale, Self::Better];
}

/// Goes through seasons, each with its own seed; the same seeds give the same seasons on any machine.
pub fn rehearse(kind: Kind, seeds: std::ops::Range<u64>) -> Vec<Season> {
    seeds.into_par_iter().map(|seed| season(kind, seed)).collect()
}

/// What a season needs to go on.
struct Loop<'a> {
    shop: &'a Shop,
    models: BTreeMap<ContentHash, Fitted>,
    state: State,
    /// Challengers come from here alone, or from refits where it is none.
    planted: bool,
    told: Vec<String>,
}

fn season(kind: Kind, seed: u64) -> Season {
    let turn = match kind {
        Kind::Better => Some(Turn { at: (HISTORY - TURNED) as i32, factor: 1.5 }),
        Kind::Stale => Some(Turn { at: (HISTORY - TURNED) as i32, factor: 1.5 }),
        _ => None,
    };
    let shop = Shop::new(seed, HISTORY + SEASON + AFTER, turn);
    let mut looped = Loop {
        shop: &shop,
        models: BTreeMap::new(),
        state: State::default(),
        planted: kind != Kind::Clean,
        told: vec![],
    };
    let known = shop.until(HISTORY);
    let first = if kind == Kind::Better { shop.until(HISTORY - TURNED) } else { known.clone() };
    looped.found(&first, "first");
    if let Some(challenger) = planted(kind, seed, &shop, &known) {
        looped.plant(challenger);
    }
    let mut found = Season { seed, kind, challengers: 0, swaps: vec![], harmful: 0, distance: vec![], told: vec![] };
    for week in 1..=SEASON {
        let before = looped.champion();
        looped.week(HISTORY + week);
        let after = looped.champion();
        if before != after {
            let distance = looped.distance(&after, week) / looped.distance(&before, week);
            found.swaps.push(week);
            found.distance.push(distance);
            found.harmful += usize::from(distance > 1.0 + HARM);
        }
        if looped.planted && looped.state.models.challenger().is_none() {
            break;
        }
    }
    found.challengers = looped.state.models.entries().len() - 1;
    found.told = looped.told;
    found
}

/// The challenger of a season; nothing where the loop makes its own.
fn planted(kind: Kind, seed: u64, shop: &Shop, known: &Panel) -> Option<Fitted> {
    let mut g = ChaCha8Rng::seed_from_u64(seed);
    g.set_stream(7);
    let half = g.random::<bool>();
    let promoted = |columns: &endcap_model::PanelColumns, row: usize| columns.price[row] < columns.base_price[row];
    Some(match (kind, half) {
        (Kind::Clean, _) => return None,
        (Kind::Better, _) => fitted(known),
        // Sales of promoted weeks that somebody halved or doubled in the file.
        (Kind::Poisoned, true) => {
            let factor = if g.random::<bool>() { 0.5 } else { 2.0 };
            fitted(&changed(known, |row, columns| {
                if promoted(columns, row) {
                    columns.units[row] = (columns.units[row] * factor).round();
                }
            }))
        }
        // A file whose effects were scaled after the fit.
        (Kind::Poisoned, false) => {
            let mut model = fitted(known);
            let factor = if g.random::<bool>() { 0.4 } else { 1.8 };
            for item in &mut model.items {
                item.effects.iter_mut().chain(&mut item.predictive).for_each(|effect| *effect *= factor);
            }
            model.boosted = None;
            model
        }
        // Effects of a few weeks, each item by itself: noise that the pooling would have taken out.
        (Kind::Overfitted, true) => {
            let mut model = fitted(known);
            for item in &mut model.items {
                for effect in item.effects.iter_mut().chain(&mut item.predictive) {
                    *effect *= 1.0 + 0.6 * (2.0 * g.random::<f64>() - 1.0);
                }
            }
            model
        }
        // A fit to the last weeks, most of whose rows are noise.
        (Kind::Overfitted, false) => {
            fitted(&changed(&known.within(shop.weeks(HISTORY - 16, HISTORY)), |_, columns| {
                let row = g.random_range(0..columns.units.len());
                columns.units[row] = (columns.units[row] * 4.0 * g.random::<f64>()).round();
            }))
        }
        // An old history, as it is.
        (Kind::Stale, true) => fitted(&shop.until(HISTORY - TURNED)),
        // An old history under new dates.
        (Kind::Stale, false) => {
            let old = shop.until(HISTORY - TURNED);
            fitted(&changed(&old, |row, columns| columns.period[row] = columns.period[row].plus(TURNED as i32)))
        }
    })
}

fn fitted(panel: &Panel) -> Fitted {
    let snapshot = panel.span().map(|span| SnapshotId::new(format!("until {}", span.end.0)));
    let settings = FitSettings { snapshot, code_version: "rehearsal".into(), ..FitSettings::default() };
    fit(panel, &settings, &|_, _| {}).expect("Invariant: the made-up panel has rows")
}

impl Loop<'_> {
    fn champion(&self) -> ContentHash {
        let champion = self.state.models.champion().expect("Invariant: the first model of a sane history is champion");
        champion.made.model.clone()
    }

    fn keep(&mut self, model: Fitted) -> ContentHash {
        let name = hash_bytes(canonical_json(&model).as_bytes());
        self.models.insert(name.clone(), model);
        name
    }

    fn take(&mut self, event: &Event) -> Vec<Effect> {
        let (state, effects) = step(std::mem::take(&mut self.state), event);
        self.state = state;
        effects
    }

    /// The first facts and the first champion.
    fn found(&mut self, panel: &Panel, snapshot: &str) {
        self.go(&SnapshotId::new(snapshot), panel);
    }

    /// Puts a challenger into the registry, as `endcap fit` would.
    fn plant(&mut self, model: Fitted) {
        let name = self.keep(model);
        let panel = self.shop.until(HISTORY);
        let made = ("rehearsal", Some(self.champion()));
        let entry = registered(name.clone(), &self.models[&name], &panel, made, None);
        self.take(&Event::Registered { entry: Box::new(entry) });
    }

    /// One load of facts.
    fn week(&mut self, weeks: usize) {
        let panel = self.shop.until(weeks);
        self.go(&SnapshotId::new(format!("week {weeks}")), &panel);
    }

    /// What the loop does with facts until it knows which model to use.
    fn go(&mut self, snapshot: &SnapshotId, panel: &Panel) {
        let mut next = Some(Event::Ingested { snapshot: snapshot.clone(), rows_read: 0, rows_set_aside: 0 });
        while let Some(event) = next.take() {
            for effect in self.take(&event) {
                match effect {
                    Effect::Run(Job::Adjust { .. }) => return,
                    Effect::Run(job) => next = self.done(&job, panel),
                    _ => {}
                }
            }
        }
    }

    fn done(&mut self, job: &Job, panel: &Panel) -> Option<Event> {
        match job {
            Job::Check { .. } => Some(Event::Checked { ready: 1, not_ready: 0 }),
            Job::Watch { snapshot, champion } => {
                let rules = RefitRules::usual(panel.calendar());
                let mut found = watched(snapshot, &self.models[champion], &self.state.models, panel, rules)?;
                if self.planted {
                    found.refit = None;
                }
                Some(Event::Watched { watched: Box::new(found) })
            }
            Job::Fit { .. } => {
                let model = self.keep(fitted(panel));
                Some(Event::Fitted { model })
            }
            Job::Backtest { .. } => Some(Event::Backtested { backtest: hash_bytes(b"none") }),
            Job::Register { model, parent, .. } => {
                let made = ("rehearsal", parent.clone());
                let entry = registered(model.clone(), &self.models[model], panel, made, None);
                Some(Event::Registered { entry: Box::new(entry) })
            }
            Job::Contest { snapshot, champion, challenger } => {
                let in_use = champion.as_ref().map(|name| (name, &self.models[name]));
                let other = (challenger, Ok(&self.models[challenger]));
                let (found, _) = contested(snapshot, in_use, other, panel, &Rules::default());
                if found.ruling != Succession::Waits {
                    self.told.push(found.reasons.join("; "));
                }
                Some(Event::Contested { contested: Box::new(found) })
            }
            _ => None,
        }
    }

    /// How far a model's forecasts lie from the true expectations of the weeks after a week of the season.
    fn distance(&self, model: &ContentHash, week: usize) -> f64 {
        let from = HISTORY + week;
        let ahead = self.shop.weeks(from, from + AFTER);
        let future = self.shop.panel.within(ahead);
        let Ok(said) = forecast(&self.models[model], &self.shop.until(from), &future, &[0.5]) else {
            return f64::INFINITY;
        };
        let c = self.shop.panel.columns();
        let names = |row: usize| {
            let (sku, place) = (c.sku[row] as usize, c.place[row] as usize);
            (&self.shop.panel.skus()[sku].sku, &self.shop.panel.places()[place].place, c.period[row])
        };
        let rows = (0..self.shop.panel.len()).filter(|&row| ahead.contains(c.period[row]));
        let truth: BTreeMap<_, f64> = rows.map(|row| (names(row), self.shop.expected[row])).collect();
        let apart = said.rows.iter().map(|row| (row.mean - truth[&(&row.sku, &row.place, row.period)]).abs());
        apart.sum::<f64>() / truth.values().sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few by default; `cargo xtask bench loop` goes through hundreds.
    #[test]
    fn a_few_seasons_of_each_kind_go_as_they_must() {
        let seasons = std::env::var("ENDCAP_SEASONS").ok().map_or(1, |text| text.parse().expect("a number"));
        for kind in Kind::ALL {
            for season in rehearse(kind, 1..1 + seasons) {
                match kind {
                    Kind::Clean => assert_eq!(season.harmful, 0, "{season:?}"),
                    Kind::Better => assert!(season.swaps.first().is_some_and(|week| *week <= 6), "{season:?}"),
                    _ => assert!(season.swaps.is_empty(), "{season:?}"),
                }
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_season() {
        assert_eq!(rehearse(Kind::Stale, 5..6), rehearse(Kind::Stale, 5..6));
    }
}
