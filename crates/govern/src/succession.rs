//! Succession: may a challenger take the champion's place?
//!
//! It passes with evidence alone: on sales that neither was fitted to it errs less, beyond chance at all looks together, on
//! all cells or on the promoted ones, is not worse on the other, has no larger bias, and has effects that a shop can have. What
//! is no number, stale or surely worse is refused; what nothing can be told of waits, and not for ever. The first model of a
//! project has nobody to beat and must be sane. Pure; reads no clock.

use crate::anytime;
use endcap_model::{Gain, Succession};

/// What it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Probability that chance alone ever lets a challenger pass that is no better; half of it on all cells, half on the
    /// promoted ones.
    pub alpha: f64,
    /// Least gain that is worth a change, as a share of the champion's error.
    pub gain_min: f64,
    /// Loss up to which it counts as not worse.
    pub loss_max: f64,
    /// By how much its bias may be larger than the champion's.
    pub bias_more: f64,
    /// Fewest blocks of periods that decide.
    pub blocks_min: usize,
    /// Most blocks that it stays in shadow without evidence.
    pub blocks_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { alpha: 0.05, gain_min: 0.01, loss_max: 0.01, bias_more: 0.02, blocks_min: 3, blocks_max: 12 }
    }
}

/// What is known of a challenger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Whether there is a champion.
    pub has_champion: bool,
    /// Why it cannot be judged at all: its file does not load, its forecast failed.
    pub broken: Option<String>,
    /// What is wrong with its effects as numbers.
    pub unsound: Vec<String>,
    /// Why it is stale: its history ends before the champion's.
    pub stale: Option<String>,
    /// Gains by block on all cells: logs of the champion's error over the challenger's.
    pub all: Vec<f64>,
    /// The same on promoted cells.
    pub promoted: Vec<f64>,
    /// Bias of champion and challenger on all cells.
    pub bias: Option<[f64; 2]>,
}

/// What follows, with its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruled {
    /// What follows.
    pub ruling: Succession,
    /// Why.
    pub reasons: Vec<String>,
    /// Gain on all cells.
    pub all: Option<Gain>,
    /// Gain on promoted cells.
    pub promoted: Option<Gain>,
}

/// The share of its error that a challenger saves, from gains by block in logs, with its interval.
pub fn gain(logs: &[f64], rules: &Rules) -> Option<Gain> {
    let share = |log: f64| 1.0 - (-log).exp();
    let found = anytime::mean(logs, rules.alpha / 2.0)?;
    Some(Gain { mean: share(found.mean), low: found.low.map(share), high: found.high.map(share), ..found })
}

/// Rules on a challenger.
pub fn rule(evidence: &Evidence, rules: &Rules) -> Ruled {
    let (all, promoted) = (gain(&evidence.all, rules), gain(&evidence.promoted, rules));
    let ruled = |ruling, reasons| Ruled { ruling, reasons, all, promoted };
    let mut wrong: Vec<String> = evidence.broken.iter().chain(&evidence.stale).cloned().collect();
    wrong.extend(evidence.unsound.iter().cloned());
    for (cells, gains) in [("all cells", &evidence.all), ("promoted cells", &evidence.promoted)] {
        if gains.iter().any(|gain| !gain.is_finite()) {
            wrong.push(format!("it forecasts no number on {cells}"));
        }
    }
    if !wrong.is_empty() {
        return ruled(Succession::Refused, wrong);
    }
    if !evidence.has_champion {
        return ruled(Succession::Passed, vec!["it is the first model, and its effects are sane".to_owned()]);
    }
    let Some(all_gain) = all else {
        return ruled(Succession::Waits, vec!["nothing was sold yet that neither model has seen".to_owned()]);
    };
    let worse = worse(all, promoted);
    if !worse.is_empty() {
        return ruled(Succession::Refused, worse);
    }
    let against = against(all_gain, promoted, evidence.bias, rules);
    if against.is_empty() {
        return ruled(Succession::Passed, vec![won(all_gain, promoted)]);
    }
    if all_gain.blocks >= rules.blocks_max {
        let waited = format!("{} periods in shadow brought no evidence that it is better", all_gain.blocks);
        return ruled(Succession::Refused, std::iter::once(waited).chain(against).collect());
    }
    ruled(Succession::Waits, against)
}

/// Where it is surely worse.
fn worse(all: Option<Gain>, promoted: Option<Gain>) -> Vec<String> {
    let sets = [("all cells", all), ("promoted cells", promoted)];
    let surely = sets.into_iter().filter_map(|(cells, gain)| Some((cells, gain?)));
    let surely = surely.filter(|(_, gain)| gain.high.is_some_and(|high| high < 0.0));
    surely.map(|(cells, gain)| format!("it errs more on {cells}: {}", told(gain))).collect()
}

/// What stands against a change now.
fn against(all: Gain, promoted: Option<Gain>, bias: Option<[f64; 2]>, rules: &Rules) -> Vec<String> {
    let mut against = Vec::new();
    if all.blocks < rules.blocks_min {
        against.push(format!("{} of at least {} periods are there to compare", all.blocks, rules.blocks_min));
    }
    let surely = |gain: Gain| gain.low.is_some_and(|low| low > 0.0) && gain.mean >= rules.gain_min;
    if !surely(all) && !promoted.is_some_and(surely) {
        let on_promoted = promoted.map_or_else(String::new, |gain| format!(", on promoted cells {}", told(gain)));
        against.push(format!("no gain beyond chance: on all cells {}{on_promoted}", told(all)));
    }
    for (cells, gain) in [("all cells", Some(all)), ("promoted cells", promoted)] {
        if let Some(gain) = gain.filter(|gain| gain.mean < -rules.loss_max) {
            against.push(format!("it seems worse on {cells}: {}", told(gain)));
        }
    }
    match bias {
        Some([champion, challenger]) if challenger.abs() > champion.abs() + rules.bias_more => against.push(format!(
            "its forecasts are off by {:+.1} % in sum, the champion's by {:+.1} %",
            100.0 * challenger,
            100.0 * champion
        )),
        Some([champion, challenger]) if champion.is_finite() && challenger.is_finite() => {}
        _ => against.push("its bias is not known".to_owned()),
    }
    against
}

fn won(all: Gain, promoted: Option<Gain>) -> String {
    let on_promoted = promoted.map_or_else(String::new, |gain| format!(", on promoted cells {}", told(gain)));
    format!("it errs less over {} periods: on all cells {}{on_promoted}", all.blocks, told(all))
}

fn told(gain: Gain) -> String {
    let percent = |share: f64| format!("{:+.1} %", 100.0 * share);
    match gain.low.zip(gain.high) {
        Some((low, high)) => format!("{} ({} to {})", percent(gain.mean), percent(low), percent(high)),
        None => format!("{} (how sure is not known yet)", percent(gain.mean)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(gains: &[f64]) -> Evidence {
        let (all, promoted) = (gains.to_vec(), gains.to_vec());
        Evidence { has_champion: true, all, promoted, bias: Some([0.05, 0.01]), ..Evidence::default() }
    }

    fn ruled(evidence: &Evidence) -> Succession {
        rule(evidence, &Rules::default()).ruling
    }

    const BETTER: [f64; 5] = [0.20, 0.22, 0.19, 0.21, 0.20];

    #[test]
    fn what_surely_errs_less_passes_and_what_surely_errs_more_is_refused() {
        let found = rule(&evidence(&BETTER), &Rules::default());
        assert_eq!(found.ruling, Succession::Passed, "{found:?}");
        assert!(found.reasons[0].starts_with("it errs less over 5 periods: on all cells +18.5 %"), "{found:?}");
        assert_eq!(ruled(&evidence(&BETTER.map(|gain| -gain))), Succession::Refused);
    }

    #[test]
    fn what_may_be_chance_waits_and_not_for_ever() {
        let noisy = [0.3, -0.2, 0.1, -0.1, 0.25, -0.15];
        assert_eq!(ruled(&evidence(&noisy)), Succession::Waits);
        assert_eq!(ruled(&evidence(&noisy.repeat(2))), Succession::Refused);
        assert_eq!(ruled(&evidence(&[])), Succession::Waits);
        assert_eq!(ruled(&evidence(&BETTER[..2])), Succession::Waits, "two periods decide nothing");
    }

    #[test]
    fn a_gain_too_small_to_matter_is_none() {
        assert_eq!(ruled(&evidence(&[0.002, 0.0021, 0.0019, 0.002, 0.002, 0.002])), Succession::Waits);
    }

    #[test]
    fn a_gain_on_all_cells_does_not_pay_for_a_loss_on_promoted_ones_or_for_a_bias() {
        let promoted = vec![-0.1, 0.05, -0.12, 0.02, -0.1];
        assert_eq!(ruled(&Evidence { promoted, ..evidence(&BETTER) }), Succession::Waits);
        assert_eq!(ruled(&Evidence { bias: Some([0.01, -0.09]), ..evidence(&BETTER) }), Succession::Waits);
        assert_eq!(ruled(&Evidence { bias: Some([0.01, f64::NAN]), ..evidence(&BETTER) }), Succession::Waits);
        assert_eq!(ruled(&Evidence { bias: None, ..evidence(&BETTER) }), Succession::Waits);
    }

    #[test]
    fn what_is_broken_stale_unsound_or_no_number_is_refused_with_its_reason() {
        let why = || Some("why".to_owned());
        let cases = [
            Evidence { broken: why(), ..evidence(&BETTER) },
            Evidence { stale: why(), ..evidence(&BETTER) },
            Evidence { unsound: vec!["why".into()], ..evidence(&BETTER) },
            Evidence { all: vec![f64::NEG_INFINITY], ..evidence(&BETTER) },
            Evidence { promoted: vec![f64::NAN], ..evidence(&BETTER) },
        ];
        for case in cases {
            let found = rule(&case, &Rules::default());
            assert_eq!(found.ruling, Succession::Refused, "{case:?}");
            assert!(!found.reasons.is_empty());
        }
    }

    #[test]
    fn the_first_model_needs_nobody_to_beat_and_must_be_sane() {
        assert_eq!(ruled(&Evidence::default()), Succession::Passed);
        assert_eq!(ruled(&Evidence { unsound: vec!["no number".into()], ..Evidence::default() }), Succession::Refused);
    }
}
