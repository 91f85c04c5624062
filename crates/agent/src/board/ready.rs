//! A ready scenario: the Promo Planner page as a board, with its published rules and its six figures.
//!
//! Never mixes the page's figures with those of a plan: the page charges the discount on the extra units only.

use endcap_model::{Depth, Sku};
use endcap_twin::{PageKpis, PageOffer, PageTerms, TwinError, TwinScenario, WorldChoice};
use serde::Serialize;

/// The page as a board: what it asks for, and calendars with their figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageBoard {
    /// Name of the scenario.
    pub name: String,
    /// Periods, counted from 1.
    pub periods: Vec<usize>,
    /// Budget, page, steal rate, depths and lifts as published.
    pub terms: PageTerms,
    /// The calendar of the page's search.
    pub greedy: PageCalendar,
    /// The calendar that the page compares with: the items in turn.
    pub uniform: PageCalendar,
}

/// A calendar of the page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageCalendar {
    /// By item, in the page's order.
    pub rows: Vec<PageRow>,
    /// The six figures.
    pub kpis: PageKpis,
}

/// An item of the page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageRow {
    /// The item.
    pub sku: Sku,
    /// Depth by period; nothing for no offer.
    pub depths: Vec<Option<Depth>>,
}

/// Draws the page of a scenario; nothing where it has none.
///
/// # Errors
/// [`TwinError`] for a page that cannot be read.
pub fn page_board(scenario: &TwinScenario) -> Result<Option<PageBoard>, TwinError> {
    let (Some(page), Some(terms), WorldChoice::Listed(list)) = (scenario.page()?, &scenario.page, &scenario.world)
    else {
        return Ok(None);
    };
    let calendar = |offers: &[PageOffer]| {
        let depth = |item, period| {
            let own = offers.iter().find(|offer| (offer.item, offer.period) == (item, period));
            own.map(|offer| offer.depth)
        };
        let row = |(at, item): (usize, &endcap_twin::ListedItem)| PageRow {
            sku: item.sku.clone(),
            depths: (0..scenario.horizon).map(|period| depth(at, period)).collect(),
        };
        PageCalendar { rows: list.items.iter().enumerate().map(row).collect(), kpis: page.kpis(offers) }
    };
    Ok(Some(PageBoard {
        name: scenario.name.clone(),
        periods: (1..=scenario.horizon).collect(),
        terms: terms.clone(),
        greedy: calendar(&page.greedy()),
        uniform: calendar(&page.uniform()),
    }))
}
