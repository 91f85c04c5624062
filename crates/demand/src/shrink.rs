//! Means of groups, drawn towards the whole by as much as chance alone would spread them, so that a lucky single case does
//! not lead.
//!
//! Cases vary by their own errors and by a spread that all share; group means vary by theirs and by a spread between groups.
//! Both spreads are found by moments. Sources: random effects, DerSimonian and Laird (1986); shrunk means and their
//! intervals, Morris (1983).

use crate::events::Split;
use crate::fit::Z95;
use serde::Serialize;

/// A measured effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// Its value.
    pub value: f64,
    /// Variance of its error, above 0.
    pub variance: f64,
}

/// The mean of a group, as measured and drawn towards the whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shrunk {
    /// As measured.
    pub measured: Split,
    /// Drawn towards the whole.
    pub shrunk: Split,
    /// How far the group speaks for itself, 0 (not at all) to 1.
    pub weight: f64,
}

/// Draws the means of groups, each of one case or more, towards the mean of all groups.
pub fn towards_whole(groups: &[Vec<Measurement>]) -> Vec<Shrunk> {
    let within = within(groups);
    let means: Vec<Measurement> = groups.iter().map(|group| mean(group, within)).collect();
    let between = between(&means);
    let whole = mean(&means, between);
    means
        .iter()
        .map(|of| {
            let weight = if between > 0.0 { between / (between + of.variance) } else { 0.0 };
            let shrunk = Measurement {
                value: whole.value + weight * (of.value - whole.value),
                variance: weight * of.variance + (1.0 - weight).powi(2) * whole.variance,
            };
            Shrunk { measured: split(*of), shrunk: split(shrunk), weight }
        })
        .collect()
}

/// Mean of cases that vary by so much beyond their own errors.
fn mean(cases: &[Measurement], spread: f64) -> Measurement {
    let weight = |case: &Measurement| 1.0 / (case.variance + spread);
    let all: f64 = cases.iter().map(weight).sum();
    Measurement { value: cases.iter().map(|case| weight(case) * case.value).sum::<f64>() / all, variance: 1.0 / all }
}

/// Surplus of the squared deviations of cases over what their errors explain, and what one unit of spread would add to it.
fn moments(cases: &[Measurement]) -> (f64, f64) {
    let weights = || cases.iter().map(|case| 1.0 / case.variance);
    let (all, squares): (f64, f64) = (weights().sum(), weights().map(|weight| weight * weight).sum());
    let centre = mean(cases, 0.0).value;
    let deviations: f64 = cases.iter().map(|case| (case.value - centre).powi(2) / case.variance).sum();
    (deviations - (cases.len() as f64 - 1.0), all - squares / all)
}

/// Variance of cases of one group beyond their errors, the same for all groups.
fn within(groups: &[Vec<Measurement>]) -> f64 {
    let (surplus, per_unit) = groups.iter().map(|group| moments(group)).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    if per_unit > 0.0 { (surplus / per_unit).max(0.0) } else { 0.0 }
}

/// Variance of group means beyond their errors.
fn between(means: &[Measurement]) -> f64 {
    if means.len() < 2 {
        return 0.0;
    }
    let (surplus, per_unit) = moments(means);
    (surplus / per_unit).max(0.0)
}

fn split(of: Measurement) -> Split {
    let half = Z95 * of.variance.sqrt();
    Split { units: of.value, lo95: of.value - half, hi95: of.value + half }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(value: f64, variance: f64) -> Measurement {
        Measurement { value, variance }
    }

    /// By hand: within 0, since the pair agrees. Means 0 and 4 with variances 0.5 and 1: weights 2 and 1, centre 4/3, squared
    /// deviations 2 x 16/9 + 64/9 = 32/3, surplus 29/3; 3 - 5/3 = 4/3 a unit: spread 29/4. Whole mean with 7.75 and 8.25:
    /// (4/8.25) / (1/7.75 + 1/8.25) = 1.9375, variance 255.75/64 = 3.99609.
    #[test]
    fn means_and_weights_are_those_worked_out_by_hand() {
        let shrunk = towards_whole(&[vec![case(0.0, 1.0), case(0.0, 1.0)], vec![case(4.0, 1.0)]]);
        let weight = 7.25 / 8.25;
        assert!((shrunk[1].weight - weight).abs() < 1e-12, "{shrunk:?}");
        let value = 1.9375 + weight * (4.0 - 1.9375);
        let variance = weight + (1.0 - weight).powi(2) * 255.75 / 64.0;
        assert!((shrunk[1].shrunk.units - value).abs() < 1e-9, "{shrunk:?} {value}");
        assert!((shrunk[1].shrunk.hi95 - value - Z95 * variance.sqrt()).abs() < 1e-9, "{shrunk:?}");
        assert_eq!(shrunk[0].measured.units, 0.0);
    }

    #[test]
    fn a_lucky_single_case_does_not_lead() {
        let steady =
            vec![case(3.0, 0.5), case(2.0, 0.5), case(4.0, 0.5), case(3.0, 0.5), case(2.5, 0.5), case(3.5, 0.5)];
        let poor = vec![case(-2.0, 0.5), case(-3.0, 0.5), case(-1.0, 0.5), case(-2.5, 0.5)];
        let shrunk = towards_whole(&[steady, poor, vec![case(4.0, 9.0)]]);
        assert!(shrunk[2].measured.units > shrunk[0].measured.units);
        assert!(shrunk[2].shrunk.units < shrunk[0].shrunk.units, "{shrunk:?}");
    }

    #[test]
    fn groups_that_differ_no_more_than_by_chance_are_all_the_whole() {
        let shrunk = towards_whole(&[vec![case(1.0, 1.0)], vec![case(1.5, 1.0)]]);
        assert!(shrunk.iter().all(|group| group.weight == 0.0 && (group.shrunk.units - 1.25).abs() < 1e-12));
        let alone = towards_whole(&[vec![case(2.0, 1.0)]]);
        assert_eq!(alone[0].shrunk.units, 2.0);
    }
}
