//! A ready scenario: the Promo Planner page as a board, with its published rules, its inputs and its six figures.
//!
//! Never mixes the page's figures with those of a plan: the page charges the discount on the extra units only. What its
//! calendars give away on units that would have sold anyway stands beside them.

use crate::policies::solve_page;
use endcap_model::{Depth, Sku};
use endcap_twin::{
    Listed, ListedItem, Page, PageKpis, PageLift, PageOffer, PageTerms, TwinError, TwinScenario, WorldChoice,
};
use serde::{Deserialize, Serialize};

/// Budgets at which the page is searched again, as shares of its own.
const BUDGETS: [f64; 9] = [0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0];

/// Most depths of the page: its nine searches are to answer at once.
const DEPTHS_MAX: f64 = 12.0;

/// The page as a board: what it asks for, and calendars with their figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PageBoard {
    /// Name of the scenario.
    pub name: String,
    /// Periods, counted from 1.
    pub periods: Vec<usize>,
    /// Budget, page, steal rate, margin, depths and items.
    pub inputs: PageInputs,
    /// The calendar of the page's search.
    pub greedy: PageCalendar,
    /// The calendar that the page compares with: the items in turn.
    pub uniform: PageCalendar,
    /// The calendar that is worth most by the page's own formula; nothing where the figures are too large to be solved.
    pub best: Option<PageCalendar>,
    /// No calendar is worth more by the page's formula; major units.
    pub bound: Option<f64>,
    /// What the page would be worth with less or more money.
    pub by_budget: Vec<PageLevel>,
}

/// What a person puts into the page. Money in major units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PageInputs {
    /// Most money given away on the extra units over the horizon.
    pub budget: f64,
    /// Items on the page per period.
    pub capacity: usize,
    /// Share of an item's extra units that is stolen from the others.
    pub steal_rate: f64,
    /// Unit margin of every item over its price.
    pub margin_rate: f64,
    /// Depths that may be chosen, rising.
    pub depths: Vec<Depth>,
    /// The items.
    pub items: Vec<PageItem>,
}

/// An item of the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PageItem {
    /// The item.
    pub sku: Sku,
    /// Its price.
    pub price: f64,
    /// Pieces that it sells per period without an offer, the mean over periods.
    pub demand: f64,
    /// Slope of its lift at no discount.
    pub alpha: f64,
    /// Curvature of its lift, 0 or less.
    pub beta: f64,
}

/// A calendar of the page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PageCalendar {
    /// By item, in the page's order.
    pub rows: Vec<PageRow>,
    /// The six figures.
    pub kpis: PageKpis,
    /// Discount on units that would have sold anyway, which the page does not count; major units.
    pub given_on_baseline: f64,
}

/// The calendar of an item of the page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PageRow {
    /// The item.
    pub sku: Sku,
    /// Depth by period; nothing for no offer.
    pub depths: Vec<Option<Depth>>,
}

/// What the page is worth at a budget, by its own formula; major units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PageLevel {
    /// The budget.
    pub budget: f64,
    /// The page's search.
    pub greedy: f64,
    /// The best calendar; nothing where the figures are too large to be solved.
    pub best: Option<f64>,
}

impl PageInputs {
    fn of(list: &Listed, terms: &PageTerms) -> Self {
        let item = |item: &ListedItem| {
            let PageLift { alpha, beta } = terms.lift[&item.sku];
            PageItem { sku: item.sku.clone(), price: item.list_price, demand: mean(&item.demand), alpha, beta }
        };
        Self {
            budget: terms.budget,
            capacity: terms.capacity,
            steal_rate: terms.steal_rate,
            margin_rate: list.items.first().map_or(0.0, |item| item.margin_rate),
            depths: terms.depths.clone(),
            items: list.items.iter().map(item).collect(),
        }
    }

    /// Puts the inputs into a scenario's page: items are taken by name, and keep how their demand runs from period to
    /// period.
    fn put_into(&self, list: &mut Listed, terms: &mut PageTerms) -> Result<(), TwinError> {
        self.check()?;
        for of in &mut list.items {
            let input = self.items.iter().find(|input| input.sku == of.sku).ok_or_else(|| TwinError::Setting {
                field: "items".to_owned(),
                found: format!("no item '{}'", of.sku),
                expected: "every item of the page",
            })?;
            let usual = mean(&of.demand);
            of.demand.iter_mut().for_each(|demand| *demand *= input.demand / usual);
            (of.list_price, of.margin_rate) = (input.price, self.margin_rate);
            terms.lift.insert(of.sku.clone(), PageLift { alpha: input.alpha, beta: input.beta });
        }
        let Self { budget, capacity, steal_rate, .. } = *self;
        *terms = PageTerms { budget, capacity, steal_rate, depths: self.depths.clone(), lift: terms.lift.clone() };
        terms.depths.sort_unstable();
        terms.depths.dedup();
        Ok(())
    }
}

impl PageInputs {
    /// Checks what the page and the list of its items do not.
    fn check(&self) -> Result<(), TwinError> {
        let within = |field: &str, found: f64, high: f64, expected| match (0.0..=high).contains(&found) {
            true => Ok(()),
            false => Err(TwinError::Setting { field: field.to_owned(), found: found.to_string(), expected }),
        };
        within("depths", self.depths.len() as f64, DEPTHS_MAX, "1 to 12 depths")?;
        within("budget", self.budget, 1e9, "an amount from 0 to 1,000,000,000")?;
        for item in &self.items {
            within(&format!("demand of {}", item.sku), item.demand, 1e9, "0 to 1,000,000,000 pieces")?;
            within(&format!("alpha of {}", item.sku), item.alpha, 1e3, "a slope from 0 to 1,000")?;
        }
        Ok(())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Draws the page of a scenario, with a person's inputs where there are any; nothing where it has none.
///
/// # Errors
/// [`TwinError`] for a page that cannot be read, and for inputs outside their range.
pub fn page_board(scenario: &TwinScenario, inputs: Option<&PageInputs>) -> Result<Option<PageBoard>, TwinError> {
    let (Some(_), Some(terms), WorldChoice::Listed(list)) = (scenario.page()?, &scenario.page, &scenario.world) else {
        return Ok(None);
    };
    let (mut list, mut terms) = (list.clone(), terms.clone());
    if let Some(inputs) = inputs {
        inputs.put_into(&mut list, &mut terms)?;
        list.check()?;
    }
    let page = Page::new(&list, &terms, scenario.horizon)?;
    let best = solve_page(&page);
    Ok(Some(PageBoard {
        name: scenario.name.clone(),
        periods: (1..=scenario.horizon).collect(),
        greedy: calendar(&page, &list, &page.greedy()),
        uniform: calendar(&page, &list, &page.uniform()),
        best: best.as_ref().map(|best| calendar(&page, &list, &best.calendar)),
        bound: best.map(|best| best.bound),
        by_budget: by_budget(&list, &terms, scenario.horizon)?,
        inputs: PageInputs::of(&list, &terms),
    }))
}

fn calendar(page: &Page, list: &Listed, offers: &[PageOffer]) -> PageCalendar {
    let depth = |item, period| {
        let own = offers.iter().find(|offer| (offer.item, offer.period) == (item, period));
        own.map(|offer| offer.depth)
    };
    let row = |(at, item): (usize, &ListedItem)| PageRow {
        sku: item.sku.clone(),
        depths: (0..page.periods()).map(|period| depth(at, period)).collect(),
    };
    PageCalendar {
        rows: list.items.iter().enumerate().map(row).collect(),
        kpis: page.kpis(offers),
        given_on_baseline: page.given_on_baseline(offers),
    }
}

fn by_budget(list: &Listed, terms: &PageTerms, periods: usize) -> Result<Vec<PageLevel>, TwinError> {
    let level = |share: f64| {
        let terms = PageTerms { budget: terms.budget * share, ..terms.clone() };
        let page = Page::new(list, &terms, periods)?;
        let best = solve_page(&page).map(|best| page.kpis(&best.calendar).incremental_margin);
        Ok(PageLevel { budget: terms.budget, greedy: page.kpis(&page.greedy()).incremental_margin, best })
    };
    BUDGETS.into_iter().map(level).collect()
}
