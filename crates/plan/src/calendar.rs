//! When each item may be promoted: the scenario's calendar rules for one line, with what was published before.

use crate::cells::Line;
use crate::solve::{Rules, Window};
use crate::terms::{PlanError, PlanInput};
use crate::which::fits_kind;
use endcap_model::{CalendarRule, OfferKind, Stretch};
use std::ops::Range;

/// Calendar rules of promotions of a line; of several the strictest counts.
pub(crate) fn rules_of(input: &PlanInput, line: &Line) -> Rules {
    let mut rules = Rules { spacing: input.scenario.limits.spacing.max(1), ..Rules::default() };
    for rule in speaking(input, line) {
        rules.spacing = rules.spacing.max(rule.spacing.unwrap_or(1));
        rules.run = rules.run.max(rule.run_min.unwrap_or(1));
        rules.rest = rules.rest.max(rule.rest.unwrap_or(0));
        rules.windows.extend(rule.windows.iter().map(|w| Window { periods: w.periods, most: w.most }));
    }
    rules.before = published(input, line);
    tidy(rules)
}

/// Rules of a price that never comes back: once down, down to the end.
pub(crate) fn for_good(periods: usize) -> Rules {
    Rules { run: periods, ..Rules::default() }
}

/// The rules of items that run together: each item's own count.
pub(crate) fn all_of(rules: impl Iterator<Item = Rules>) -> Rules {
    let joint = rules.fold(Rules::default(), |mut all, rules| {
        all.spacing = all.spacing.max(rules.spacing);
        all.run = all.run.max(rules.run);
        all.rest = all.rest.max(rules.rest);
        all.windows.extend(rules.windows);
        all.required.extend(rules.required);
        all.before.extend(rules.before);
        all
    });
    tidy(joint)
}

fn tidy(mut rules: Rules) -> Rules {
    rules.windows.sort();
    rules.windows.dedup();
    rules.required.sort_unstable();
    rules.required.dedup();
    rules.before.sort_unstable();
    rules.before.dedup();
    rules
}

/// Periods of the span in which a rule forbids promotions of a line.
pub(crate) fn blackouts(input: &PlanInput, line: &Line) -> Result<Vec<Range<usize>>, PlanError> {
    let stretches = speaking(input, line).flat_map(|rule| &rule.blackouts);
    stretches.map(|stretch| periods_of(input, stretch)).collect()
}

/// Periods of the span that a stretch covers.
pub(crate) fn periods_of(input: &PlanInput, stretch: &Stretch) -> Result<Range<usize>, PlanError> {
    let at = |text: &str| -> Result<i32, PlanError> { Ok(input.calendar.parse(text)?.0 - input.span.start.0) };
    let inside = |at: i32| at.clamp(0, input.span.len() as i32) as usize;
    let (from, to) = (inside(at(&stretch.from)?), inside(at(&stretch.to)? + 1));
    Ok(from..to.max(from))
}

fn speaking<'a>(input: &PlanInput<'a>, line: &'a Line) -> impl Iterator<Item = &'a CalendarRule> {
    let rules = input.scenario.limits.rules.iter();
    rules.filter(|rule| line.tags.fit(&rule.items) && fits_kind(&rule.items, OfferKind::Promotion))
}

/// Periods before the span in which the line was on offer; 1 is the last.
fn published(input: &PlanInput, line: &Line) -> Vec<usize> {
    let own = input.published.iter().filter(|offer| offer.sku == *line.sku && offer.place == line.region);
    let periods = own.flat_map(|offer| offer.span.iter()).filter(|period| *period < input.span.start);
    periods.map(|period| (input.span.start.0 - period.0) as usize).collect()
}

/// Returns whether a calendar keeps spacing, windows and rests; the past happened, whether or not it kept them.
pub(crate) fn keeps_apart(rules: &Rules, on: &[usize], periods: usize) -> bool {
    let all = with_past(rules, on, periods);
    let past = all.len() - periods;
    let spacing = Window { periods: rules.spacing, most: 1 };
    let crowded = |window: &Window| {
        (past..all.len()).any(|end| {
            let seen = &all[(end + 1).saturating_sub(window.periods)..=end];
            all[end] && seen.iter().filter(|&&on| on).count() > window.most
        })
    };
    let rushed = || {
        let starts = (past.max(1)..all.len()).filter(|&at| all[at] && !all[at - 1]);
        let ends = |at: usize| (0..at).rev().find(|&back| all[back]).map(|back| at - back - 1);
        starts.filter_map(ends).any(|pause| pause < rules.rest)
    };
    !crowded(&spacing) && !rules.windows.iter().any(crowded) && !rushed()
}

/// Returns whether a calendar keeps all rules but the required periods.
pub(crate) fn keeps(rules: &Rules, on: &[usize], periods: usize) -> bool {
    let all = with_past(rules, on, periods);
    let past = all.len() - periods;
    let short = |run: &[bool], end: usize| run[0] && run.len() < rules.run && end != all.len() && end >= past;
    let mut end = 0;
    let broken = all.chunk_by(|a, b| a == b).any(|run| {
        end += run.len();
        short(run, end)
    });
    !broken && keeps_apart(rules, on, periods)
}

fn with_past(rules: &Rules, on: &[usize], periods: usize) -> Vec<bool> {
    let past = rules.before.last().copied().unwrap_or(0);
    let mut all = vec![false; past + periods];
    rules.before.iter().for_each(|&back| all[past - back] = true);
    on.iter().for_each(|&at| all[past + at] = true);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_keeps_or_breaks_each_rule() {
        let base = Rules::default;
        let window = |periods, most| Window { periods, most };
        let cases = [
            (Rules { spacing: 3, ..base() }, vec![0, 3, 6], true),
            (Rules { spacing: 3, ..base() }, vec![0, 2], false),
            (Rules { spacing: 3, before: vec![1], ..base() }, vec![1], false),
            (Rules { spacing: 3, before: vec![1], ..base() }, vec![2], true),
            (Rules { windows: vec![window(5, 2)], ..base() }, vec![0, 1, 4], false),
            (Rules { windows: vec![window(4, 2)], ..base() }, vec![0, 1, 4], true),
            (Rules { run: 2, ..base() }, vec![0, 1, 6], true),
            (Rules { run: 2, ..base() }, vec![0, 3, 4], false),
            (Rules { run: 3, before: vec![1], ..base() }, vec![0, 1], true),
            (Rules { run: 3, before: vec![1], ..base() }, vec![0], false),
            (Rules { rest: 2, ..base() }, vec![0, 1, 3], false),
            (Rules { rest: 2, ..base() }, vec![0, 1, 4], true),
        ];
        for (rules, on, expected) in cases {
            assert_eq!(keeps(&rules, &on, 7), expected, "{rules:?} {on:?}");
        }
    }
}
