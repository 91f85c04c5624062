//! Policies that need nothing but the world: references, the ceiling, and the door for somebody else's.
//!
//! They are deliberately plain. What Endcap itself does is built elsewhere, on the same [`crate::Policy`] port.

mod cover;
mod oracle;
mod process;
mod season;
mod spreadsheet;

use crate::choice::{OfferTerms, OrderingChoice, PolicyChoice, SeasonTerms};
use crate::scenario::WorldChoice;
use crate::{Policy, PolicyMaker, TwinScenario, WorldSpec};
use endcap_model::{Mechanic, Offer, Period, Span, Support};
use std::collections::BTreeMap;
use std::path::Path;

pub use process::ProcessPolicy;

/// Makes the maker of a policy that this crate ships; nothing for one that needs Endcap. A process starts in `folder`.
pub fn shipped<'a>(
    choice: &'a PolicyChoice,
    scenario: &'a TwinScenario,
    spec: &'a WorldSpec,
    folder: &'a Path,
) -> Option<Box<PolicyMaker<'a>>> {
    let supply = &scenario.supply;
    let cover = move |cover_periods: Option<f64>| cover::Cover::new(spec, supply, cover_periods);
    Some(match choice {
        PolicyChoice::None { name, ordering: OrderingChoice::Cover } => {
            let none = OfferTerms { slots: 0, ..scenario.offers.clone() };
            Box::new(move || -> Box<dyn Policy + 'a> {
                let calendar = spreadsheet::calendar(spec, &none, none.depths[0]);
                Box::new(spreadsheet::Spreadsheet::new(name, spec, calendar, cover(None), 1.0))
            })
        }
        PolicyChoice::Spreadsheet { name, depth, uplift, cover_periods } => Box::new(move || {
            let calendar = spreadsheet::calendar(spec, &scenario.offers, *depth);
            Box::new(spreadsheet::Spreadsheet::new(name, spec, calendar, cover(*cover_periods), *uplift))
        }),
        PolicyChoice::Oracle { name, sees_shocks } => {
            let (terms, limits, minor_units) = (&scenario.response, &scenario.offers, scenario.minor_units());
            let plain = move || oracle::Oracle::new(name, spec, terms, limits, supply, minor_units);
            Box::new(move || Box::new(if *sees_shocks { plain().that_sees_shocks() } else { plain() }))
        }
        PolicyChoice::Page { name, uniform, uplift } => Box::new(move || {
            let calendar = page_calendar(scenario, spec, *uniform);
            Box::new(spreadsheet::Spreadsheet::new(name, spec, calendar, cover(None), *uplift))
        }),
        PolicyChoice::Season { name, terms } => {
            let terms: SeasonTerms = *terms;
            Box::new(move || Box::new(season::Season::new(name, spec, terms)))
        }
        PolicyChoice::Process { name, command, seconds } => {
            Box::new(move || Box::new(ProcessPolicy::new(name, command, folder, *seconds, spec)))
        }
        PolicyChoice::None { .. }
        | PolicyChoice::Rotation { .. }
        | PolicyChoice::Calendar { .. }
        | PolicyChoice::Sizes { .. }
        | PolicyChoice::Siloed { .. }
        | PolicyChoice::Integrated { .. }
        | PolicyChoice::Learned { .. } => return None,
    })
}

/// The page's calendar, in every region.
fn page_calendar(scenario: &TwinScenario, spec: &WorldSpec, uniform: bool) -> BTreeMap<Period, Vec<Offer>> {
    let mut calendar: BTreeMap<Period, Vec<Offer>> = BTreeMap::new();
    let (Ok(Some(page)), WorldChoice::Listed(list)) = (scenario.page(), &scenario.world) else { return calendar };
    for chosen in if uniform { page.uniform() } else { page.greedy() } {
        let period = spec.span().start.plus(chosen.period as i32);
        for region in &spec.index.regions {
            calendar.entry(period).or_default().push(Offer {
                sku: list.items[chosen.item].sku.clone(),
                place: region.clone(),
                span: Span::of_length(period, 1),
                mechanic: Mechanic::Tpr,
                depth: chosen.depth,
                support: Support::default(),
            });
        }
    }
    calendar
}
