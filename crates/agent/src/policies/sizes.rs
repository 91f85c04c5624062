//! Endcap's sizes in a season that is bought once: first allocation, transfers that rebuild runs, markdowns only where
//! the price is the cause.
//!
//! Every decision is one of crate `supply` ([`endcap_supply::first_allocation`], [`endcap_supply::slow_cause`],
//! [`endcap_supply::consolidate`]); this only keeps the books between two reviews. It sees what a retailer sees and knows what
//! a retailer knows before a season (see `known`); it never looks into the world. Without sizes in the feed it says so, since
//! it could not tell a missing size from a wrong price.
//!
//! Source: the cause and the remedies are those that the PittaRosso case names; the rule for broken runs is that of Caro
//! and Gallien (2010), Operations Research 58(2).

mod known;
mod review;

use endcap_demand::{RegimeRules, regime_of};
use endcap_model::{Depth, Mechanic, Offer, Pieces, Sku, Span, Support, Transfer};
use endcap_supply::{Demand, SizeCurve, SizeStock, size_health};
use endcap_twin::{Actions, Note, Observation, Policy, SizeRules, WorldSpec};
use known::Known;

pub use review::{Markdown, StyleReview, StyleSeen, alert, review};

/// How far stores differ in their taste for a style: the shape of a gamma factor with a standard deviation of 0.4.
const TASTE_SHAPE: f64 = 6.0;
/// What was bought says as much of a style's demand as sales of this share of it.
const BOUGHT_WEIGHT: f64 = 0.1;

/// The policy, worked out for a world and shared by all runs.
pub struct SizePolicy<'a> {
    name: &'a str,
    spec: &'a WorldSpec,
    rules: SizeRules,
    known: Known,
    /// First allocation: pieces by cell.
    allotted: Option<Vec<i64>>,
}

/// One run of it.
struct Run<'a> {
    policy: &'a SizePolicy<'a>,
    books: Vec<Books>,
    /// Pieces sold by period, all styles.
    totals: Vec<f64>,
    /// Whether it has stopped itself: prices stay as they are and nothing more is decided.
    halted: bool,
    notes: Vec<Note>,
}

/// What a run has seen of a style.
#[derive(Clone, Default)]
struct Books {
    opening: i64,
    /// By store: pieces sold, and the share of the season that they were sold in, as far as sizes were there.
    sold: Vec<f64>,
    exposed: Vec<f64>,
    depth: f64,
    alerted: bool,
    since: Since,
}

/// The same over the chain since the last review.
#[derive(Clone, Copy, Default)]
struct Since {
    sold: f64,
    season: f64,
    covered: f64,
}

impl<'a> SizePolicy<'a> {
    /// Works out what is the same for all runs. Of the world it reads who its cells are, what was bought, and what a
    /// retailer knows from earlier seasons.
    pub fn new(name: &'a str, spec: &'a WorldSpec, rules: SizeRules) -> Self {
        let known = Known::of(spec, rules.sees_sizes);
        let allotted = (rules.allots && rules.sees_sizes).then(|| known.first_allocation(spec, &rules, TASTE_SHAPE));
        Self { name, spec, rules, known, allotted }
    }

    /// Starts a run from the beginning.
    pub fn start(&self) -> Box<dyn Policy + '_> {
        let books = vec![Books::default(); self.known.styles.len()];
        Box::new(Run { policy: self, books, totals: Vec::new(), halted: false, notes: Vec::new() })
    }

    fn curve(&self, style: usize) -> SizeCurve {
        let known = &self.known.styles[style];
        let least = known.core.iter().map(|&core| i64::from(core)).collect();
        SizeCurve { shares: known.shares.clone(), least, broken_loss: self.rules.broken_loss }
    }
}

impl Run<'_> {
    /// What lies where, and what is expected to be wanted of it in the share `rest` of the season.
    fn stock(&self, style: usize, seen: &Observation, rest: f64) -> Vec<SizeStock> {
        let (known, books) = (&self.policy.known.styles[style], &self.books[style]);
        let bought = BOUGHT_WEIGHT * books.opening as f64;
        let exposed: f64 = books.exposed.iter().zip(&known.stores).map(|(exposed, store)| exposed * store.share).sum();
        let season = (books.sold.iter().sum::<f64>() + bought) / (exposed + BOUGHT_WEIGHT);
        let of_store = |(number, store): (usize, &known::Store)| {
            let (sold, usual) = (books.sold[number], store.share * season);
            let mean = usual * rest * (sold + TASTE_SHAPE) / (usual * books.exposed[number] + TASTE_SHAPE);
            // A gamma-mixed Poisson count: what is not known of a store's taste adds to its spread.
            let dispersion = 1.0 + mean / (sold + TASTE_SHAPE);
            SizeStock {
                place: store.place.clone(),
                pieces: store
                    .cells
                    .iter()
                    .map(|cells| known::pieces(cells, |cell| seen.cells[cell].on_hand.0))
                    .collect(),
                demand: Demand { mean, dispersion },
                shares: Some(store.shares.clone()),
            }
        };
        known.stores.iter().enumerate().map(of_store).collect()
    }

    /// Takes note of the last period. Sizes count as there when they were there at its end or were sold in it.
    fn note(&mut self, style: usize, seen: &Observation, season: f64) {
        let curve = self.policy.curve(style);
        let sold_at = |store: &known::Store| -> Vec<i64> {
            store.cells.iter().map(|cells| known::pieces(cells, |cell| seen.cells[cell].sold.0)).collect()
        };
        let mut stock = self.stock(style, seen, 1.0);
        let known = &self.policy.known.styles[style];
        let sold: Vec<Vec<i64>> = known.stores.iter().map(sold_at).collect();
        for (at, sold) in stock.iter_mut().zip(&sold) {
            at.pieces.iter_mut().zip(sold).for_each(|(pieces, sold)| *pieces += sold);
        }
        let health = size_health(&curve, &stock);
        let books = &mut self.books[style];
        for (number, sold) in sold.iter().enumerate() {
            let shown = if health.broken[number] { 1.0 - curve.broken_loss } else { 1.0 };
            let sold = sold.iter().sum::<i64>() as f64;
            books.sold[number] += sold;
            books.exposed[number] += season * health.coverage[number] * shown;
            books.since.sold += sold;
        }
        books.since.season += season;
        books.since.covered += season * health.covered;
    }

    fn seen(&self, style: usize, seen: &Observation, before: f64) -> StyleSeen {
        let (known, books) = (&self.policy.known.styles[style], &self.books[style]);
        let opening = books.opening.max(1) as f64;
        let end_value = self.policy.spec.terms().costs.end_value_rate.unwrap_or(1.0);
        StyleSeen {
            style: known.style.clone(),
            stock: self.stock(style, seen, 1.0 - before),
            sold: books.since.sold,
            expected: self.policy.rules.target * opening * books.since.season,
            covered: if books.since.season > 0.0 { books.since.covered / books.since.season } else { 1.0 },
            through: books.sold.iter().sum::<f64>() / opening,
            path: self.policy.rules.target * before,
            depth: books.depth,
            // What was bought is paid for: a sale earns what it brings over what is left of the piece in the end.
            margin: known.list_price * (1.0 - books.depth) - known.unit_cost * end_value,
        }
    }

    fn review(&mut self, seen: &Observation, before: f64) -> Vec<Transfer> {
        let mut transfers = Vec::new();
        for style in 0..self.books.len() {
            let found = review(
                &self.seen(style, seen, before),
                &self.policy.curve(style),
                self.policy.spec.terms().costs.transfer_cost,
                &self.policy.rules,
            );
            let known = &self.policy.known.styles[style];
            let books = &mut self.books[style];
            books.since = Since::default();
            if let Markdown::Deeper(depth) = found.markdown {
                books.depth = depth;
            }
            for moved in &found.rebuilt.moves {
                transfers.push(Transfer {
                    sku: known.skus[moved.size].clone(),
                    from: moved.from.clone(),
                    to: moved.to.clone(),
                    period: seen.period.plus(-1),
                    quantity: Pieces(moved.pieces),
                });
            }
            for (kind, text) in found.told() {
                self.tell(seen, kind, text);
            }
        }
        transfers
    }

    /// Alerts people to styles whose sizes run out, once each.
    fn alert(&mut self, seen: &Observation, before: f64) {
        for style in 0..self.books.len() {
            if !self.books[style].alerted {
                let stock = self.stock(style, seen, 1.0 - before);
                let text = alert(
                    &self.policy.known.styles[style].style,
                    &self.policy.curve(style),
                    &stock,
                    &self.policy.rules,
                );
                if let Some(text) = text {
                    self.books[style].alerted = true;
                    self.tell(seen, "alert: sizes run out", text);
                }
            }
        }
    }

    /// Stops when sales leave the range that they have moved in so far.
    fn watch(&mut self, seen: &Observation) {
        self.totals.push(seen.cells.iter().map(|cell| cell.sold.0).sum::<i64>() as f64);
        let regime = regime_of(&self.totals, &RegimeRules::default()).filter(|regime| regime.outside);
        if let Some(regime) = regime.filter(|_| !self.halted) {
            self.halted = true;
            let told = regime.told(self.policy.spec.calendar());
            self.tell(seen, "halted", format!("{told}; prices stay, nothing more is decided until a person resumes"));
        }
    }

    fn tell(&mut self, seen: &Observation, kind: &'static str, text: String) {
        let period = self.policy.spec.calendar().format(seen.period);
        self.notes.push(Note { policy: self.policy.name.to_owned(), seed: 0, period, kind, text });
    }

    fn open(&mut self, seen: &Observation) {
        for (books, known) in self.books.iter_mut().zip(&self.policy.known.styles) {
            let cells = known.stores.iter().flat_map(|store| store.cells.iter().flatten());
            books.opening = cells.map(|&cell| seen.cells[cell].on_hand.0).sum();
            books.sold = vec![0.0; known.stores.len()];
            books.exposed = vec![0.0; known.stores.len()];
        }
        if !self.policy.known.sees_sizes {
            let text =
                "blind to sizes: the feed has none, so slow sales may be missing sizes and not the price; send size \
                        and style of every item"
                    .to_owned();
            self.tell(seen, "blind to sizes", text);
        }
    }

    fn offers(&self, seen: &Observation) -> Vec<Offer> {
        let mut offers = Vec::new();
        for (books, known) in self.books.iter().zip(&self.policy.known.styles).filter(|(books, _)| books.depth > 0.0) {
            let depth = Depth::from_share(books.depth).expect("Invariant: at most the deepest markdown, below 1");
            let at = |sku: &Sku, region: &endcap_model::Place| Offer {
                sku: sku.clone(),
                place: region.clone(),
                span: Span::of_length(seen.period, 1),
                mechanic: Mechanic::Tpr,
                depth,
                support: Support::default(),
            };
            offers.extend(known.skus.iter().flat_map(|sku| known.regions.iter().map(move |region| at(sku, region))));
        }
        offers
    }
}

impl Policy for Run<'_> {
    fn name(&self) -> &str {
        self.policy.name
    }

    fn allot(&mut self) -> Option<Vec<i64>> {
        self.policy.allotted.clone()
    }

    fn act(&mut self, seen: &Observation) -> Actions {
        let (spec, rules) = (self.policy.spec, &self.policy.rules);
        let at = (seen.period.0 - spec.span().start.0) as usize;
        let before = self.policy.known.before[at];
        if at == 0 {
            self.open(seen);
        } else {
            let season = before - self.policy.known.before[at - 1];
            (0..self.books.len()).for_each(|style| self.note(style, seen, season));
            self.watch(seen);
        }
        // Pieces on their way are not seen: until they are there nothing is counted or moved again.
        let way = spec.terms().logistics.transfer_periods;
        let every = rules.every.max(way + 1);
        if rules.sees_sizes && (at < every || at.is_multiple_of(every) || at % every > way) {
            self.alert(seen, before);
        }
        let reviews = at > 0 && at.is_multiple_of(every) && !self.halted;
        let transfers = if reviews { self.review(seen, before) } else { Vec::new() };
        Actions { offers: self.offers(seen), transfers, ..Actions::default() }
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }
}
