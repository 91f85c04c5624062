//! Locks that break a rule, found without a search: quick enough while people type.
//!
//! Never says that locks can be kept: budget, stock and what only shows when all rules are taken together are for the
//! search, which proves it.

use crate::calendar::{blackouts, keeps_apart, rules_of};
use crate::cells::Line;
use crate::choices::below_floor;
use crate::locks::Locks;
use crate::shop::Shop;
use crate::terms::{PlanError, PlanInput};
use endcap_model::{Depth, Period, Place, Sku};
use serde::Serialize;
use std::collections::BTreeMap;

/// Locks that break a rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LockClash {
    /// Which kind of rule.
    pub breaks: Broken,
    /// Item, region and period of each lock.
    pub cells: Vec<(Sku, Place, Period)>,
    /// The rule, in words without a full stop.
    pub rule: String,
}

/// A kind of rule that locks can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// A period without promotions.
    Blackout,
    /// The least margin.
    MarginFloor,
    /// Spacing, windows or rests between promotions of an item.
    Calendar,
    /// Items at once in a region.
    Slots,
    /// Items that run together or not at all.
    Together,
}

/// Locked offers of a line: period and depth.
type Wanted = Vec<(usize, Depth)>;

/// Returns the locks that break rules, by item and region, then those of several items.
///
/// # Errors
/// [`PlanError`] for locks that cannot be read, as for [`crate::propose`].
pub fn lock_clashes(input: &PlanInput) -> Result<Vec<LockClash>, PlanError> {
    if input.scenario.limits.locks.is_empty() {
        return Ok(Vec::new());
    }
    let shop = Shop::new(input)?;
    let locks = Locks::read(input, &shop.lines)?;
    let mut wanted: Vec<(&Line, Wanted)> = Vec::new();
    let mut clashes = Vec::new();
    for line in &shop.lines {
        let at = (0..input.span.len()).filter_map(|at| locks.of(line, at).map(|depth| (at, depth)));
        let all: Wanted = at.collect();
        clashes.extend(of_line(input, line, &all)?);
        wanted.push((line, all));
    }
    clashes.extend(crowded(input, &wanted));
    clashes.extend(parted(input, &wanted));
    Ok(clashes)
}

fn of_line(input: &PlanInput, line: &Line, locked: &[(usize, Depth)]) -> Result<Vec<LockClash>, PlanError> {
    let run: Wanted = locked.iter().copied().filter(|&(_, depth)| depth > Depth::ZERO).collect();
    if run.is_empty() {
        return Ok(Vec::new());
    }
    let clash = |breaks, at: &[usize], rule: String| LockClash { breaks, cells: cells(input, line, at), rule };
    let dark = blackouts(input, line)?;
    let mut clashes = Vec::new();
    for &(at, depth) in &run {
        if dark.iter().any(|stretch| stretch.contains(&at)) {
            clashes.push(clash(Broken::Blackout, &[at], "a blackout forbids promotions".to_owned()));
        }
        if let Some(rule) = below_floor(input, line, depth) {
            clashes.push(clash(Broken::MarginFloor, &[at], rule));
        }
    }
    let rules = rules_of(input, line);
    let apart = |on: &[usize]| keeps_apart(&rules, on, input.span.len());
    let on: Vec<usize> = run.iter().map(|&(at, _)| at).collect();
    let too_near = "promotions of the item are nearer to each other than its rules allow";
    let pairs = on.windows(2).filter(|two| !apart(two));
    let mut near: Vec<LockClash> = pairs.map(|two| clash(Broken::Calendar, two, too_near.to_owned())).collect();
    if near.is_empty() && !apart(&on) {
        near.push(clash(Broken::Calendar, &on, too_near.to_owned()));
    }
    clashes.extend(near);
    Ok(clashes)
}

/// More locked items in a region and period than there are slots.
fn crowded(input: &PlanInput, wanted: &[(&Line, Wanted)]) -> Vec<LockClash> {
    let mut at_once: BTreeMap<(&Place, usize), Vec<&Line>> = BTreeMap::new();
    for (line, locked) in wanted {
        let run = locked.iter().filter(|(_, depth)| *depth > Depth::ZERO);
        run.for_each(|&(at, _)| at_once.entry((&line.region, at)).or_default().push(line));
    }
    let slots = input.scenario.limits.slots;
    let over = at_once.into_iter().filter(|(_, lines)| lines.len() > slots);
    over.map(|((_, at), lines)| LockClash {
        breaks: Broken::Slots,
        rule: format!("{} locked items share {slots} slots", lines.len()),
        cells: lines.into_iter().flat_map(|line| cells(input, line, &[at])).collect(),
    })
    .collect()
}

/// Items that must run together, locked differently in a region and period.
fn parted(input: &PlanInput, wanted: &[(&Line, Wanted)]) -> Vec<LockClash> {
    let mut clashes = Vec::new();
    for set in &input.scenario.limits.together {
        let mut depths: BTreeMap<(&Place, usize), Vec<(&Line, Depth)>> = BTreeMap::new();
        for (line, locked) in wanted.iter().filter(|(line, _)| line.tags.fit(&set.items)) {
            locked.iter().for_each(|&(at, depth)| depths.entry((&line.region, at)).or_default().push((line, depth)));
        }
        for ((_, at), members) in depths {
            if members.iter().any(|(_, depth)| *depth != members[0].1) {
                let cells = members.into_iter().flat_map(|(line, _)| cells(input, line, &[at])).collect();
                let rule = "items that run together are locked differently".to_owned();
                clashes.push(LockClash { breaks: Broken::Together, cells, rule });
            }
        }
    }
    clashes
}

fn cells(input: &PlanInput, line: &Line, at: &[usize]) -> Vec<(Sku, Place, Period)> {
    let cell = |&at: &usize| (line.sku.clone(), line.region.clone(), input.span.start.plus(at as i32));
    at.iter().map(cell).collect()
}
