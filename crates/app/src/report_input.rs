//! Picks what the report shows out of what the steps made.

use crate::project::CODE_VERSION;
use crate::report::{
    BacktestRow, Comparison, Credit, Headline, HistoryRow, ItemLabel, KpiRow, OrderSummary, Provenance, ReadinessRow,
    ReportInput, SourceCount, TwinView,
};
use endcap_adapters::facts::{Snapshot, SourceCounts};
use endcap_adapters::presets::Preset;
use endcap_agent::digest::{Digest, series_to_show};
use endcap_agent::sense::Facts;
use endcap_agent::stress::{self, Trial};
use endcap_demand::Backtest;
use endcap_demand::coefficients::Applied;
use endcap_demand::overrides::Overridden;
use endcap_ingest::{Readiness, ReadinessVerdict};
use endcap_model::{
    ContentHash, Decision, FactKind, Forecast, ForecastRow, LiftModel, Place, Plan, Policy, Projection, ProjectionRow,
    Scenario, Sku, hash_json,
};
use endcap_twin::Better;
use std::collections::{BTreeMap, BTreeSet};

/// Series shown with history, forecast and stock.
const SERIES_SHOWN: usize = 40;
/// Orders shown, largest first.
const ORDERS_SHOWN: usize = 60;

/// Everything a report is picked from.
pub struct Shown<'a> {
    pub plan: &'a Plan,
    pub facts: &'a Facts,
    pub lift: &'a LiftModel,
    pub model: &'a ContentHash,
    pub baseline: &'a Forecast,
    pub planned: &'a Forecast,
    pub projection: &'a Projection,
    pub digest: &'a Digest,
    pub trial: &'a Trial,
    pub decision: &'a Decision,
    pub scenario: &'a Scenario,
    pub policy: &'a Policy,
    pub readiness: &'a [Readiness],
    pub backtest: &'a Backtest,
    pub edits: &'a [Applied],
    pub overrides: &'a [Overridden],
    pub counts: &'a Snapshot,
    pub preset: Option<Preset>,
}

impl Shown<'_> {
    /// Calls `then` with the report's input.
    pub fn with_input<T>(&self, then: impl FnOnce(&ReportInput) -> T) -> T {
        let series: BTreeSet<(Sku, Place)> =
            series_to_show(self.plan, self.facts, self.baseline, SERIES_SHOWN).into_iter().collect();
        let items = self.items();
        let places = BTreeMap::new();
        let history = self.history(&series);
        let forecast = self.forecast(&series);
        let projection = self.projection(&series);
        let backtest = self.backtest_rows();
        let readiness: Vec<ReadinessRow> = self.readiness.iter().map(readiness_row).collect();
        let counts = self.source_counts();
        let credits = self.credits();
        let economics = self.facts.economics(self.scenario);
        then(&ReportInput {
            plan: self.plan,
            scenario: self.scenario,
            policy: self.policy,
            decision: self.decision,
            headline: self.headline(),
            items: &items,
            places: &places,
            regions: &self.facts.regions,
            stockout_by_offer: self.digest.stockout_by_offer.clone(),
            responses: self.responses(),
            history: &history,
            forecast: &forecast,
            levels: &self.planned.levels,
            projection: &projection,
            orders: OrderSummary::of(self.plan, self.plan.span.start.plus(-1), ORDERS_SHOWN, |sku| {
                economics.get(sku).map(|item| item.unit_cost)
            }),
            twin: self.twin(),
            backtest: &backtest,
            readiness: &readiness,
            edits: self.edits,
            overrides: self.overrides,
            counts: &counts,
            provenance: self.provenance(),
            credits: &credits,
        })
    }

    fn headline(&self) -> Headline {
        Headline {
            spend: self.digest.spend,
            budget: self.scenario.money(self.scenario.limits.budget).minor,
            promoted_items: self.digest.promoted_items,
            promoted_cells: self.digest.promoted_cells,
            stockout_probability: self.digest.stockout_probability,
        }
    }

    fn items(&self) -> BTreeMap<Sku, ItemLabel> {
        let label = |item: &endcap_model::Item| ItemLabel {
            name: item.name.clone().unwrap_or_else(|| item.sku.to_string()),
            category: item.category.clone().unwrap_or_default(),
        };
        self.facts.items.iter().map(|(sku, item)| (sku.clone(), label(item))).collect()
    }

    fn responses(&self) -> Vec<&endcap_model::Response> {
        let promoted: BTreeSet<&Sku> = self.plan.offers.iter().map(|offer| &offer.sku).collect();
        promoted.into_iter().filter_map(|sku| self.lift.response(sku)).collect()
    }

    fn history(&self, series: &BTreeSet<(Sku, Place)>) -> Vec<HistoryRow> {
        let panel = &self.facts.panel;
        let columns = panel.columns();
        let key = |row: usize| {
            let sku = &panel.skus()[columns.sku[row] as usize].sku;
            (sku.clone(), panel.places()[columns.place[row] as usize].place.clone())
        };
        (0..panel.len())
            .filter(|&row| series.contains(&key(row)))
            .map(|row| {
                let (sku, place) = key(row);
                HistoryRow {
                    sku,
                    place,
                    period: columns.period[row],
                    units: columns.units[row],
                    stockout_share: columns.stockout_share[row],
                    depth: (1.0 - columns.price[row] / columns.base_price[row]).max(0.0),
                }
            })
            .collect()
    }

    fn forecast(&self, series: &BTreeSet<(Sku, Place)>) -> Vec<ForecastRow> {
        let shown = |row: &&ForecastRow| series.contains(&(row.sku.clone(), row.place.clone()));
        self.planned.rows.iter().filter(shown).cloned().collect()
    }

    fn projection(&self, series: &BTreeSet<(Sku, Place)>) -> Vec<ProjectionRow> {
        let shown = |row: &&ProjectionRow| series.contains(&(row.sku.clone(), row.place.clone()));
        self.projection.rows.iter().filter(shown).cloned().collect()
    }

    fn twin(&self) -> TwinView<'_> {
        let comparisons = self
            .trial
            .comparisons
            .iter()
            .map(|comparison| Comparison {
                reference: comparison.reference.clone(),
                rows: comparison.kpis.iter().map(kpi_row).collect(),
            })
            .collect();
        TwinView { plan: stress::ENDCAP.to_owned(), outcomes: &self.trial.outcomes, comparisons }
    }

    /// One row per way to forecast: its scores over all cells, and its error over the promoted ones.
    fn backtest_rows(&self) -> Vec<BacktestRow> {
        let scores = &self.backtest.scores;
        let promoted = |method: &str| {
            scores.iter().find(|score| score.forecast == method && score.cells == "promoted").map(|score| score.wape)
        };
        let row = |score: &endcap_demand::Score| BacktestRow {
            method: score.forecast.clone(),
            wape: score.wape,
            bias: score.bias,
            wape_promoted: promoted(&score.forecast),
            coverage_90: score.coverage90,
            cells: score.count,
        };
        scores.iter().filter(|score| score.cells == "all").map(row).collect()
    }

    fn source_counts(&self) -> Vec<SourceCount> {
        let row = |(kind, of): (FactKind, &SourceCounts)| SourceCount {
            source: format!("{kind} from {}", of.source),
            read: of.counts.read,
            loaded: of.counts.loaded,
            set_aside: of.counts.set_aside,
            duplicates: of.counts.duplicates,
        };
        self.counts.sources().into_iter().map(row).collect()
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            calendar: self.lift.calendar,
            history: self.lift.span,
            model: self.model.clone(),
            scenario: hash_json(self.scenario),
            code_version: CODE_VERSION.to_owned(),
            more: vec![],
        }
    }

    fn credits(&self) -> Vec<Credit> {
        let credit = |preset: Preset| Credit {
            name: preset.title().to_owned(),
            text: preset.credit().to_owned(),
            address: preset.address().to_owned(),
        };
        self.preset.into_iter().map(credit).collect()
    }
}

fn kpi_row(kpi: &endcap_twin::Kpi) -> KpiRow {
    let difference = kpi.difference.as_ref();
    KpiRow {
        policy: kpi.policy.clone(),
        kpi: kpi.measure.name().to_owned(),
        higher_is_better: kpi.better == Better::Higher,
        mean: kpi.level.mean,
        lo95: kpi.level.lo95,
        hi95: kpi.level.hi95,
        tail05: kpi.level.tail05,
        difference: difference.map(|d| d.mean),
        diff_lo95: difference.and_then(|d| d.lo95),
        diff_hi95: difference.and_then(|d| d.hi95),
        diff_tail05: difference.map(|d| d.tail05),
    }
}

fn readiness_row(row: &Readiness) -> ReadinessRow {
    ReadinessRow {
        category: row.category.clone(),
        skus: row.skus,
        series: row.series,
        periods: row.periods,
        promoted_periods: row.promoted_periods,
        price_variation: row.price_variation,
        in_stock_share: row.in_stock_share,
        verdict: match row.verdict {
            ReadinessVerdict::Ready => "ready",
            ReadinessVerdict::Thin => "thin",
            ReadinessVerdict::NotReady => "not_ready",
        }
        .to_owned(),
        missing: row.missing.clone(),
        helps: row.helps.clone(),
    }
}
