//! A stand-alone twin scenario: a world, how it answers, what hits it, and the policies that are tried in it.

use crate::{
    Costs, Economics, Habits, Halo, Listed, Logistics, OfferTerms, Page, PageTerms, PanelTerms, Past, PolicyChoice,
    Shock, Synthetic, TwinError, WorldSpec, WorldTerms, WriteDown,
};
use endcap_model::{Calendar, Currency, ItemTerms, Panel, Period, Sku, Span, SupplyTerms, TwinTerms};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A twin scenario, read from TOML. Amounts of money are in major units of its currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwinScenario {
    /// Name shown to people.
    pub name: String,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Number of periods to simulate.
    pub horizon: usize,
    /// Cost of one item on promotion in one region for one period. 0 when absent.
    #[serde(default)]
    pub fixed_cost: f64,
    /// Name of the policy that the others are compared to; the first one when absent.
    #[serde(default)]
    pub reference: Option<String>,
    /// Elasticity that the policies believe in when they order for their offers (log-linear: demand is price over list
    /// price to this power). The mean of `[response]` when absent: right on average, wrong in form and for each item.
    #[serde(default)]
    pub believed_elasticity: Option<f64>,
    /// Where the cells come from.
    pub world: WorldChoice,
    /// Prices and margins.
    pub items: ItemTerms,
    /// How supply works.
    pub supply: SupplyTerms,
    /// How the shoppers answer and how reliable deliveries are; also the number of worlds and the first seed.
    pub response: TwinTerms,
    /// Further habits of the shoppers; the defaults for the world's calendar when absent.
    #[serde(default)]
    pub habits: Option<Habits>,
    /// How goods move beyond `[supply]`.
    #[serde(default)]
    pub logistics: Logistics,
    /// Costs beyond `[supply]`.
    #[serde(default)]
    pub costs: CostTerms,
    /// Which groups bring sales to which.
    #[serde(default, rename = "halo")]
    pub halos: Vec<Halo>,
    /// The limits under which policies choose their offers.
    #[serde(default)]
    pub offers: OfferTerms,
    /// What hits every world on the way; those on standby only when they are switched on by name.
    #[serde(default, rename = "shock")]
    pub shocks: Vec<Shock>,
    /// The Promo Planner page on the world's items, which have to be listed one by one.
    #[serde(default)]
    pub page: Option<PageTerms>,
    /// Periods before the first of which policies that estimate have records; without them they have nothing to learn
    /// from. How promotions came about then is `panel`.
    #[serde(default)]
    pub past_periods: Option<usize>,
    /// How promotions came about in the past, and where the world is written as a panel with its answer key.
    #[serde(default)]
    pub panel: PanelTerms,
    /// The policies, at least one.
    #[serde(rename = "policy")]
    pub policies: Vec<PolicyChoice>,
}

/// Where the cells of a world come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WorldChoice {
    /// A made-up chain.
    Synthetic(Synthetic),
    /// What followed a history.
    History(HistoryChoice),
    /// Items and stores one by one.
    Listed(Listed),
}

/// Costs beyond those of supply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CostTerms {
    /// What leftovers of offers cost.
    pub write_down: Option<WriteDown>,
    /// What a piece that is left at the end is still worth, over its unit cost; all of it when absent.
    pub end_value_rate: Option<f64>,
}

/// A panel file to take a world from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryChoice {
    /// Panel in CSV or Parquet, in the columns of `endcap fit`; relative to the scenario file.
    pub panel: PathBuf,
}

impl TwinScenario {
    /// Returns the name of the policy that the others are compared to.
    pub fn reference(&self) -> &str {
        let first = || self.policies.first().map_or("", PolicyChoice::name);
        self.reference.as_deref().unwrap_or_else(first)
    }

    /// Returns the elasticity that the policies believe in.
    pub fn believed_elasticity(&self) -> f64 {
        self.believed_elasticity.unwrap_or(self.response.elasticity_mean)
    }

    /// Checks what the types do not: ranges, names, and that the reference is one of the policies.
    ///
    /// # Errors
    /// [`TwinError`] for the first thing that is wrong.
    pub fn check(&self) -> Result<(), TwinError> {
        within("horizon", self.horizon as f64, 1.0, 10_000.0, "1 to 10,000 periods")?;
        within("past_periods", self.past_periods.unwrap_or(1) as f64, 1.0, 10_000.0, "1 to 10,000 periods")?;
        within("fixed_cost", self.fixed_cost, 0.0, 1e9, "an amount of 0 or more")?;
        within(
            "believed_elasticity",
            self.believed_elasticity.unwrap_or(-1.0),
            -20.0,
            0.0,
            "an elasticity from -20 to 0",
        )?;
        self.check_supply()?;
        self.check_response()?;
        match &self.world {
            WorldChoice::Synthetic(chain) => chain.check().map(|_| ())?,
            WorldChoice::Listed(list) => list.check().map(|_| ())?,
            WorldChoice::History(_) => {}
        }
        if let Some(habits) = &self.habits {
            habits.check()?;
        }
        self.panel.check()?;
        self.logistics.check()?;
        self.check_costs_and_offers()?;
        self.check_policies()
    }

    fn check_costs_and_offers(&self) -> Result<(), TwinError> {
        let (costs, offers) = (&self.costs, &self.offers);
        within("costs.end_value_rate", costs.end_value_rate.unwrap_or(1.0), -1.0, 1.0, "a rate from -1 to 1")?;
        if let Some(WriteDown { cover_periods, rate, after_periods }) = costs.write_down {
            within("costs.write_down.after_periods", after_periods as f64, 0.0, 1000.0, "0 to 1000 periods")?;
            within("costs.write_down.cover_periods", cover_periods, 0.0, 1000.0, "0 to 1000 periods")?;
            within("costs.write_down.rate", rate, 0.0, 1.0, "a share from 0 to 1")?;
        }
        within("offers.depths", offers.depths.len() as f64, 1.0, 100.0, "1 to 100 depths")?;
        within("offers.spacing", offers.spacing as f64, 1.0, 10_000.0, "1 or more periods")?;
        within("offers.periods", offers.periods as f64, 1.0, 10_000.0, "1 or more periods")?;
        within("offers.budget", offers.budget.unwrap_or(0.0), 0.0, 1e12, "an amount of 0 or more")
    }

    /// Returns the Promo Planner page; nothing where the scenario has none.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for a page whose world does not list its items, and for numbers outside their range.
    pub fn page(&self) -> Result<Option<Page<'_>>, TwinError> {
        match (&self.page, &self.world) {
            (None, _) => Ok(None),
            (Some(terms), WorldChoice::Listed(list)) => Page::new(list, terms, self.horizon).map(Some),
            (Some(_), _) => Err(TwinError::Setting {
                field: "page".to_owned(),
                found: "a world that is not listed".to_owned(),
                expected: "[world] of kind listed",
            }),
        }
    }

    /// Switches the shocks on that wait under these names.
    ///
    /// # Errors
    /// [`TwinError::UnknownShock`] for a name that no shock has.
    pub fn switch_on(&mut self, names: &[String]) -> Result<(), TwinError> {
        for name in names {
            if !self.shocks.iter().any(|shock| shock.name.as_ref() == Some(name)) {
                let known = self.shocks.iter().filter_map(|shock| shock.name.clone()).collect();
                return Err(TwinError::UnknownShock { found: name.clone(), known });
            }
            let named = self.shocks.iter_mut().filter(|shock| shock.name.as_ref() == Some(name));
            named.for_each(|shock| shock.standby = false);
        }
        Ok(())
    }

    fn check_policies(&self) -> Result<(), TwinError> {
        if self.policies.is_empty() {
            return Err(TwinError::NoPolicies);
        }
        let page = self.page()?;
        if page.is_none() && self.policies.iter().any(|policy| matches!(policy, PolicyChoice::Page { .. })) {
            let (field, found) = ("policy.kind".to_owned(), "page".to_owned());
            return Err(TwinError::Setting { field, found, expected: "a scenario with [page]" });
        }
        for (at, policy) in self.policies.iter().enumerate() {
            if self.policies[..at].iter().any(|earlier| earlier.name() == policy.name()) {
                return Err(TwinError::DoubledPolicy(policy.name().to_owned()));
            }
            policy.check()?;
            self.check_loop(policy)?;
        }
        if !self.policies.iter().any(|policy| policy.name() == self.reference()) {
            let (field, found) = ("reference".to_owned(), self.reference().to_owned());
            return Err(TwinError::Setting { field, found, expected: "the name of one of the policies" });
        }
        Ok(())
    }

    /// Checks that a policy that plans has something to learn from and is asked for offers that it can plan.
    fn check_loop(&self, policy: &PolicyChoice) -> Result<(), TwinError> {
        if policy.loop_terms().is_none() {
            return Ok(());
        }
        let learned = matches!(policy, PolicyChoice::Learned { .. });
        if let Some(budget) = self.offers.budget.filter(|_| learned) {
            let (field, found) = ("offers.budget".to_owned(), budget.to_string());
            return Err(TwinError::Setting {
                field,
                found,
                expected: "no budget for policies of kind learned, which keep none",
            });
        }
        let least = "at least 26 for policies of kind siloed, integrated and learned, which learn from the past";
        within("past_periods", self.past_periods.unwrap_or(0) as f64, 26.0, 10_000.0, least)?;
        let one = "1 for policies of kind siloed, integrated and learned, whose offers run for one period";
        within("offers.periods", self.offers.periods as f64, 1.0, 1.0, one)
    }

    fn check_supply(&self) -> Result<(), TwinError> {
        let (items, supply) = (&self.items, &self.supply);
        within("items.list_price", items.list_price, 0.01, 1e7, "a price of at least 0.01")?;
        within("items.margin_rate", items.margin_rate, 0.0, 1.0, "a share from 0 to 1")?;
        within("items.vendor_funding_share", items.vendor_funding_share, 0.0, 1.0, "a share from 0 to 1")?;
        for terms in items.by_sku.values().chain(items.by_category.values()) {
            within("items.by_….list_price", terms.list_price, 0.01, 1e7, "a price of at least 0.01")?;
            within("items.by_….margin_rate", terms.margin_rate, 0.0, 1.0, "a share from 0 to 1")?;
        }
        within("supply.lead_time_periods", supply.lead_time_periods as f64, 0.0, 1000.0, "0 to 1000 periods")?;
        within("supply.review_periods", supply.review_periods as f64, 1.0, 1000.0, "1 to 1000 periods")?;
        within("supply.case_pack", supply.case_pack as f64, 1.0, 1e6, "1 or more pieces")?;
        within("supply.minimum_order", supply.minimum_order as f64, 0.0, 1e6, "0 or more pieces")?;
        within("supply.opening_stock.cover_periods", supply.opening_stock.cover_periods, 0.0, 1000.0, "0 to 1000")?;
        within("supply.shelf_life", supply.shelf_life.unwrap_or(1) as f64, 1.0, 10_000.0, "1 or more periods")?;
        within("supply.holding_rate", supply.holding_rate, 0.0, 100.0, "a rate of 0 or more")?;
        within("supply.waste_rate", supply.waste_rate, 0.0, 100.0, "a rate of 0 or more")?;
        within("supply.transfer_cost", supply.transfer_cost.unwrap_or(0.0), 0.0, 1e6, "an amount of 0 or more")?;
        within("supply.shortage_rate", supply.shortage_rate, 0.0, 100.0, "a rate of 0 or more")?;
        if supply.write_down.is_some() {
            let (field, found) = ("supply.write_down".to_owned(), "terms of leftovers".to_owned());
            let expected = "none here: what leftovers of offers lose in a world is stated under costs.write_down";
            return Err(TwinError::Setting { field, found, expected });
        }
        Ok(())
    }

    fn check_response(&self) -> Result<(), TwinError> {
        let terms = &self.response;
        within("response.worlds", terms.worlds as f64, 1.0, 1e6, "1 or more")?;
        within("response.elasticity_mean", terms.elasticity_mean, -20.0, 0.0, "an elasticity from -20 to 0")?;
        within("response.elasticity_sd", terms.elasticity_sd, 0.0, 20.0, "0 or more")?;
        within("response.shock_sd", terms.shock_sd, 0.0, 2.0, "0 to 2")?;
        for (field, found) in [
            ("response.pull_forward_share", terms.pull_forward_share),
            ("response.substitution_share", terms.substitution_share),
            ("response.late_probability", terms.late_probability),
            ("response.cut_probability", terms.cut_probability),
            ("response.cut_share", terms.cut_share),
        ] {
            within(field, found, 0.0, 1.0, "a share from 0 to 1")?;
        }
        Ok(())
    }
}

pub(crate) fn within(field: &str, found: f64, low: f64, high: f64, expected: &'static str) -> Result<(), TwinError> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(TwinError::Setting { field: field.to_owned(), found: found.to_string(), expected })
}

impl TwinScenario {
    /// Makes the world. `panel` is the panel of a `history` world and is left aside for a made-up one.
    ///
    /// # Errors
    /// [`TwinError`] for a setting outside its range, for a history without rows, and for numbers that no world can run
    /// with.
    pub fn world(&self, panel: Option<&Panel>) -> Result<WorldSpec, TwinError> {
        self.check()?;
        let cover = self.supply.opening_stock.cover_periods;
        let spec = match &self.world {
            WorldChoice::Synthetic(chain) => {
                let calendar = chain.check()?;
                let start =
                    calendar.parse(&chain.start).expect("Invariant: the calendar was recognised from this text");
                let terms = self.world_terms(calendar, start);
                WorldSpec::synthetic(terms, chain, &self.items, self.minor_units(), cover, self.supply.shelf_life)
            }
            WorldChoice::Listed(list) => {
                let calendar = list.check()?;
                let start = calendar.parse(&list.start).expect("Invariant: the calendar was recognised from this text");
                WorldSpec::listed(self.world_terms(calendar, start), list, self.minor_units(), cover, &self.supply)
            }
            WorldChoice::History(_) => {
                let panel = panel.ok_or(TwinError::NoCells)?;
                let start = panel.span().ok_or(TwinError::NoCells)?.end;
                let terms = self.world_terms(panel.calendar(), start);
                let elasticity = |_: &Sku| self.response.elasticity_mean;
                WorldSpec::of_panel(terms, panel, &|sku| self.economics(sku), &elasticity, cover, &[])
            }
        };
        let past = self.past_periods.map(|periods| Past { periods, promotions: self.panel.clone() });
        Ok(spec?.with_halos(self.halos.clone())?.with_past(past))
    }

    fn world_terms(&self, calendar: Calendar, start: Period) -> WorldTerms {
        WorldTerms {
            calendar,
            span: Span::of_length(start, self.horizon),
            lead_time_periods: self.supply.lead_time_periods,
            costs: Costs {
                holding_rate: self.supply.holding_rate,
                waste_rate: self.supply.waste_rate,
                fixed_cost: (self.fixed_cost * self.minor_units()).round() as i64,
                vendor_funding_share: self.items.vendor_funding_share,
                transfer_cost: self.supply.transfer_cost.unwrap_or(0.0) * self.minor_units(),
                write_down: self.costs.write_down,
                end_value_rate: self.costs.end_value_rate,
            },
            habits: self.habits.unwrap_or_else(|| Habits::of(calendar)),
            logistics: self.logistics.clone(),
            shocks: self.shocks.iter().filter(|shock| !shock.standby).cloned().collect(),
        }
    }

    /// Minor units in one major unit of the currency.
    pub(crate) fn minor_units(&self) -> f64 {
        10f64.powi(i32::from(self.currency.exponent().unwrap_or(0)))
    }

    fn economics(&self, sku: &Sku) -> Economics {
        let own = self.items.by_sku.get(sku);
        let list_price = own.map_or(self.items.list_price, |terms| terms.list_price);
        let margin_rate = own.map_or(self.items.margin_rate, |terms| terms.margin_rate);
        Economics {
            list_price: (list_price * self.minor_units()).round() as i64,
            unit_cost: (list_price * (1.0 - margin_rate) * self.minor_units()).round() as i64,
            shelf_life: self.supply.shelf_life,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../examples/twin/grocery.toml");

    fn read(text: &str) -> Result<TwinScenario, String> {
        let scenario: TwinScenario = toml::from_str(text).map_err(|error| error.to_string())?;
        scenario.world(None).map_err(|error| error.to_string())?;
        Ok(scenario)
    }

    #[test]
    fn the_shipped_example_makes_a_world() {
        let scenario = read(EXAMPLE).unwrap();
        let world = scenario.world(None).unwrap();
        assert_eq!(world.span().len(), scenario.horizon);
        assert_eq!(scenario.reference(), "no promotions");
        assert!(world.cells().iter().all(|cell| cell.list_price > cell.unit_cost));
    }

    #[test]
    fn the_shipped_example_with_an_answer_key_says_how_its_promotions_came_about() {
        let scenario = read(include_str!("../../../examples/twin/known-truth.toml")).unwrap();
        assert_eq!(scenario.panel.stock_cover, Some(1.3));
        assert_eq!(scenario.panel.depths.len(), 4);
    }

    #[test]
    fn a_scenario_that_makes_no_sense_is_refused_with_the_field_and_what_was_expected() {
        let cases = [
            ("horizon = 56", "horizon = 0", "horizon is 0: expected 1 to 10,000 periods"),
            ("places = 20", "places = 0", "world.places is 0"),
            ("places = 20", "places = 20\nplcaes = 3", "plcaes"),
            ("start = \"2026-01-05\"", "start = \"soon\"", "a date such as 2026-01-05"),
            ("pull_forward_share = 0.2", "pull_forward_share = 2", "response.pull_forward_share is 2"),
            ("reference = \"no promotions\"", "reference = \"nobody\"", "the name of one of the policies"),
            ("slots = 12", "slots = 0", "policy.slots is 0"),
            ("depth = 0.2", "depth = 1.2", "not a share of the list price"),
            ("kind = \"rotation\"", "kind = \"lottery\"", "lottery"),
            ("size = 0.6", "size = -1", "shock.size is -1"),
            ("size = 0.6", "", "shock.size is missing"),
            ("group = \"group-0003\"", "group = \"group-0999\"", "group-0999"),
            ("currency = \"EUR\"", "currency = \"XYZ\"", "XYZ"),
        ];
        for (from, to, said) in cases {
            assert!(EXAMPLE.contains(from), "{from}");
            let refusal = read(&EXAMPLE.replacen(from, to, 1)).unwrap_err();
            assert!(refusal.contains(said), "{to}: {refusal}");
        }
        let twice = EXAMPLE.replace("name = \"rotation, siloed\"", "name = \"rotation, integrated\"");
        assert_eq!(read(&twice).unwrap_err(), "two policies are called rotation, integrated: give each its own name");
    }
}
