//! Acceptance: how often people granted what they were asked, by category, and what they wrote when they refused.
//!
//! A signal about proposals, kept apart from effects: that people say no to a promotion says nothing of how shoppers answer to it.
//!
//! Source of the interval: Wilson (1927), Journal of the American Statistical Association 22.

use serde::Serialize;
use std::collections::BTreeMap;

/// 97.5 % quantile of the standard normal distribution.
const Z95: f64 = 1.959_964;

/// A proposal that people answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Categories that it is about.
    pub categories: Vec<String>,
    /// Whether they granted it.
    pub granted: bool,
    /// What they wrote.
    pub words: Vec<String>,
}

/// Answers of one category.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Acceptance {
    /// The category.
    pub category: String,
    /// Proposals that were answered.
    pub answered: usize,
    /// Those that were granted.
    pub granted: usize,
    /// Share that was granted.
    pub rate: f64,
    /// Lower end of its 95 % interval.
    pub lo95: f64,
    /// Upper end of its 95 % interval.
    pub hi95: f64,
    /// What was written with refusals, the last one last.
    pub refusals: Vec<String>,
}

/// Sums answers up by category, the least welcome first.
pub fn acceptance(answers: &[Answered]) -> Vec<Acceptance> {
    let mut by_category: BTreeMap<&str, Vec<&Answered>> = BTreeMap::new();
    for answer in answers {
        for category in &answer.categories {
            by_category.entry(category).or_default().push(answer);
        }
    }
    let mut told: Vec<Acceptance> = by_category.into_iter().map(|(category, of)| told(category, &of)).collect();
    told.sort_by(|a, b| a.rate.total_cmp(&b.rate).then_with(|| a.category.cmp(&b.category)));
    told
}

fn told(category: &str, answers: &[&Answered]) -> Acceptance {
    let granted = answers.iter().filter(|answer| answer.granted).count();
    let (count, rate) = (answers.len() as f64, granted as f64 / answers.len() as f64);
    let (squared, wider) = (Z95 * Z95, 1.0 + Z95 * Z95 / count);
    let middle = (rate + squared / (2.0 * count)) / wider;
    let half = Z95 / wider * (rate * (1.0 - rate) / count + squared / (4.0 * count * count)).sqrt();
    let refusals = answers.iter().filter(|answer| !answer.granted).flat_map(|answer| answer.words.clone());
    Acceptance {
        category: category.to_owned(),
        answered: answers.len(),
        granted,
        rate,
        lo95: (middle - half).max(0.0),
        hi95: (middle + half).min(1.0),
        refusals: refusals.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(category: &str, granted: bool, words: &str) -> Answered {
        Answered { categories: vec![category.to_owned()], granted, words: vec![words.to_owned()] }
    }

    #[test]
    fn each_category_has_its_rate_and_the_least_welcome_comes_first() {
        let mut answers = vec![answer("tea", false, "too deep"), answer("tea", true, "fine")];
        answers.extend((0..10).map(|_| answer("rice", true, "")));
        let found = acceptance(&answers);
        let named: Vec<(&str, usize, usize)> =
            found.iter().map(|of| (of.category.as_str(), of.answered, of.granted)).collect();
        assert_eq!(named, [("tea", 2, 1), ("rice", 10, 10)]);
        assert_eq!(found[0].refusals, ["too deep"]);
        // Wilson's interval of 10 in 10 at 95 %: 0.7225 to 1.
        assert!((found[1].lo95 - 0.7225).abs() < 1e-4 && (found[1].hi95 - 1.0).abs() < 1e-9, "{:?}", found[1]);
        assert!(found[0].lo95 < 0.1 && found[0].hi95 > 0.9, "two answers say little");
        assert_eq!(acceptance(&[]), []);
    }
}
