//! A planner of past promotions, for panels with an answer key: which offers ran, which stores followed, how much stock
//! there was.
//!
//! Its habits are what makes real histories hard to read: promotions where demand is high anyway, promotions that
//! answer to what the panel does not show, deep deals that run out of stock. Each can be switched off. All its draws are
//! addressed like those of the world, so one habit does not shift the others' draws.
//!
//! It never looks at what was sold.

use crate::draws::{Draws, Stream, normal, uniform};
use crate::shoppers::Tag;
use crate::{TwinError, WorldSpec};
use endcap_model::{Depth, Period, Span, TwinTerms};
use serde::{Deserialize, Serialize};

/// Standard deviation of the log of stock around what the planner wants.
const STOCK_SD: f64 = 0.15;
/// Steps of depth that a planner goes deeper per unit of log odds by which a period is liked.
const DEEPER: f64 = 0.3;

/// How the planner of a known-truth panel goes about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PanelTerms {
    /// Share of the item-regions on promotion in an average period.
    pub promoted_share: f64,
    /// Depths that are chosen among, rising.
    pub depths: Vec<Depth>,
    /// Periods that an offer runs.
    pub periods: usize,
    /// Share of the stores of a region that carry an offer out.
    pub compliance: f64,
    /// Share of the offers that are advertised, deeper ones more often.
    pub feature_share: f64,
    /// Probability that a store displays an item that it promotes.
    pub display_share: f64,
    /// Probability that a store displays an item that it does not promote.
    pub display_alone_share: f64,
    /// How strongly promotions follow the season, in log odds per standard deviation of it; 0 not at all.
    pub follows_season: f64,
    /// How strongly they follow shocks of demand that no panel shows, in log odds per standard deviation; 0 not at all.
    pub follows_hidden_demand: f64,
    /// Stock for a period over what the planner expects to sell in it; without it stock never runs out.
    pub stock_cover: Option<f64>,
}

impl Default for PanelTerms {
    fn default() -> Self {
        let depths = [0.1, 0.2, 0.3, 0.4].map(|share| Depth::from_share(share).expect("Invariant: a share below 1"));
        Self {
            promoted_share: 0.15,
            depths: depths.to_vec(),
            periods: 1,
            compliance: 0.8,
            feature_share: 0.5,
            display_share: 0.45,
            display_alone_share: 0.05,
            follows_season: 0.0,
            follows_hidden_demand: 0.0,
            stock_cover: None,
        }
    }
}

impl PanelTerms {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for the first field outside its range.
    pub fn check(&self) -> Result<(), TwinError> {
        let within = |field: &str, found: f64, low: f64, high: f64, expected| {
            if (low..=high).contains(&found) {
                return Ok(());
            }
            Err(TwinError::Setting { field: format!("panel.{field}"), found: found.to_string(), expected })
        };
        within("promoted_share", self.promoted_share, 0.001, 0.5, "a share from 0.001 to 0.5")?;
        within("depths", self.depths.len() as f64, 1.0, 100.0, "1 to 100 depths")?;
        within("periods", self.periods as f64, 1.0, 1000.0, "1 or more periods")?;
        for (field, share) in [
            ("compliance", self.compliance),
            ("feature_share", self.feature_share),
            ("display_share", self.display_share),
            ("display_alone_share", self.display_alone_share),
        ] {
            within(field, share, 0.0, 1.0, "a share from 0 to 1")?;
        }
        within("follows_season", self.follows_season, -10.0, 10.0, "log odds from -10 to 10")?;
        within("follows_hidden_demand", self.follows_hidden_demand, -10.0, 10.0, "log odds from -10 to 10")?;
        within("stock_cover", self.stock_cover.unwrap_or(1.0), 0.1, 100.0, "0.1 to 100 times the expected sales")
    }
}

/// One past promotion: an item in a region over some periods.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub item: usize,
    pub span: Span,
    pub depth: Depth,
    /// Cells that carried it out.
    pub cells: Vec<usize>,
}

/// What happened on the shelves of every period.
pub(crate) struct Shelves {
    /// By period from the first: the tags of all cells.
    pub tags: Vec<Vec<Tag>>,
    /// The same for adverts and displays.
    pub features: Vec<Vec<bool>>,
    pub displays: Vec<Vec<bool>>,
    pub events: Vec<Event>,
}

/// What a planner draws in a period.
struct Drawn {
    /// Start, depth and advert of each item and region.
    pairs: Vec<u64>,
    /// Whether each cell follows.
    cells: Vec<u64>,
    /// Shocks of the items' demand, which the planner may see.
    items: Vec<u64>,
}

/// The planner at work.
pub(crate) struct Planner<'a> {
    spec: &'a WorldSpec,
    terms: &'a TwinTerms,
    panel: &'a PanelTerms,
    draws: Draws,
    /// Cells of each item and region.
    pairs: Vec<Vec<usize>>,
    /// By season slot: log of the season over its mean, in standard deviations.
    season: Vec<f64>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(spec: &'a WorldSpec, terms: &'a TwinTerms, panel: &'a PanelTerms, seed: u64) -> Self {
        let mut pairs = vec![Vec::new(); spec.index.pairs];
        spec.index.pair_of.iter().enumerate().for_each(|(cell, &pair)| pairs[pair as usize].push(cell));
        Self { spec, terms, panel, draws: Draws::new(seed), pairs, season: season(spec) }
    }

    /// Lays out every offer of the world's periods.
    pub(crate) fn shelves(&self) -> Shelves {
        let (cells, periods) = (self.spec.cells().len(), self.spec.span().len());
        let mut shelves = Shelves {
            tags: vec![vec![Tag::LIST; cells]; periods],
            features: vec![vec![false; cells]; periods],
            displays: vec![vec![false; cells]; periods],
            events: Vec::new(),
        };
        let mut free_from = vec![0; self.pairs.len()];
        for (at, period) in self.spec.span().iter().enumerate() {
            let drawn = self.draw(period);
            for (pair, free_from) in free_from.iter_mut().enumerate() {
                if at >= *free_from && at + self.panel.periods <= periods && self.starts(pair, period, &drawn) {
                    self.offer(pair, at, period, &drawn, &mut shelves);
                    // One period at list price between two offers keeps events apart.
                    *free_from = at + self.panel.periods + 1;
                }
            }
        }
        self.display(&mut shelves);
        shelves
    }

    fn draw(&self, period: Period) -> Drawn {
        let mut pairs = vec![0; 3 * self.pairs.len() + self.spec.cells().len()];
        let mut items = vec![0; self.spec.index.skus.len()];
        self.draws.fill(Stream::Plan, period.0, &mut pairs);
        self.draws.fill(Stream::Item, period.0, &mut items);
        let cells = pairs.split_off(3 * self.pairs.len());
        Drawn { pairs, cells, items }
    }

    /// How much the planner likes a period for an item: season and what only the planner sees.
    fn liking(&self, pair: usize, period: Period, drawn: &Drawn) -> f64 {
        let item = self.spec.index.sku_of[self.pairs[pair][0]] as usize;
        self.panel.follows_season * self.season[self.spec.slot_of(period)]
            + self.panel.follows_hidden_demand * normal(drawn.items[item])
    }

    fn starts(&self, pair: usize, period: Period, drawn: &Drawn) -> bool {
        // Rate of starts in the periods that are free with which the share on promotion comes out as asked.
        let share = self.panel.promoted_share;
        let rate = (share / (self.panel.periods as f64 * (1.0 - share))).min(0.999);
        let odds = (rate / (1.0 - rate)).ln() + self.liking(pair, period, drawn);
        uniform(drawn.pairs[3 * pair]) < 1.0 / (1.0 + (-odds).exp())
    }

    fn offer(&self, pair: usize, at: usize, period: Period, drawn: &Drawn, shelves: &mut Shelves) {
        let depths = &self.panel.depths;
        let count = depths.len() as f64;
        let wanted = uniform(drawn.pairs[3 * pair + 1]) * count + DEEPER * self.liking(pair, period, drawn);
        let rank = (wanted.max(0.0) as usize).min(depths.len() - 1);
        let advertised = 2.0 * self.panel.feature_share * (rank as f64 + 1.0) / (count + 1.0);
        let feature = uniform(drawn.pairs[3 * pair + 2]) < advertised;
        let follows = |cell: &usize| uniform(drawn.cells[*cell]) < self.panel.compliance;
        let cells: Vec<usize> = self.pairs[pair].iter().copied().filter(follows).collect();
        let depth = depths[rank];
        let utility = if feature { self.spec.terms().habits.feature_utility } else { 0.0 };
        for &cell in &cells {
            for run in at..at + self.panel.periods {
                shelves.tags[run][cell] = Tag { ratio: 1.0 - depth.share(), utility, promoted: true };
                shelves.features[run][cell] = feature;
            }
        }
        if let Some(&first) = cells.first() {
            let item = self.spec.index.sku_of[first] as usize;
            shelves.events.push(Event { item, span: Span::of_length(period, self.panel.periods), depth, cells });
        }
    }

    /// Stores display items, mostly those on offer.
    fn display(&self, shelves: &mut Shelves) {
        let gain = self.spec.terms().habits.display_utility;
        let cells = self.spec.cells().len();
        let mut words = vec![0; 2 * cells];
        for (at, period) in self.spec.span().iter().enumerate() {
            self.draws.fill(Stream::Supply, period.0, &mut words);
            for cell in 0..cells {
                let tag = &mut shelves.tags[at][cell];
                let share = if tag.promoted { self.panel.display_share } else { self.panel.display_alone_share };
                if uniform(words[cells + cell]) < share {
                    *tag = Tag { utility: tag.utility + gain, promoted: true, ..*tag };
                    shelves.displays[at][cell] = true;
                }
            }
        }
    }

    /// Pieces that a cell has for a period; the planner expects every item to answer to price like the average one.
    pub(crate) fn stock(&self, period: Period, tags: &[Tag]) -> Vec<i64> {
        let Some(cover) = self.panel.stock_cover else { return vec![i64::MAX; tags.len()] };
        let mut words = vec![0; tags.len()];
        self.draws.fill(Stream::Supply, period.0, &mut words);
        let slot = self.spec.slot_of(period);
        let cells = self.spec.cells().iter().zip(tags).zip(words);
        let pieces = |((cell, tag), word): ((&crate::CellSpec, &Tag), u64)| {
            let expected = cell.mean_demand[slot] * tag.ratio.powf(self.terms.elasticity_mean);
            (cover * expected * (STOCK_SD * normal(word)).exp()).ceil() as i64
        };
        cells.map(pieces).collect()
    }
}

/// Log of the chain's season over its mean by slot, in standard deviations; 0 where there is no season.
fn season(spec: &WorldSpec) -> Vec<f64> {
    let slots = spec.cells()[0].mean_demand.len();
    let total = |slot: usize| spec.cells().iter().map(|cell| cell.mean_demand[slot]).sum::<f64>().max(1e-9).ln();
    let logs: Vec<f64> = (0..slots).map(total).collect();
    let mean = logs.iter().sum::<f64>() / slots as f64;
    let sd = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / slots as f64).sqrt();
    logs.iter().map(|log| if sd > 1e-9 { (log - mean) / sd } else { 0.0 }).collect()
}
