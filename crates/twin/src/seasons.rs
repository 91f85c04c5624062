//! Seasons: equal parts of a world's periods, to see whether a policy gets better from one to the next.

use crate::course::Course;
use serde::Serialize;
use std::ops::Range;

/// What came of one season of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Season {
    /// Name of the policy.
    pub policy: String,
    /// Seed of the world.
    pub seed: u64,
    /// Number of the season, the first being 1.
    pub season: usize,
    /// Revenue less cost of what was sold, minor units.
    pub margin: i64,
    /// Margin after all other costs and with vendor money, minor units.
    pub profit: i64,
    /// Error of the policy's forecasts of promoted items, by item, place and period, over what was wanted.
    pub forecast_error: Option<f64>,
    /// Root mean square error of the elasticities that the season ended with.
    pub elasticity_error: Option<f64>,
}

/// Splits each run into so many seasons of the same length; what is left over belongs to the last.
pub fn seasons(courses: &[Course], count: usize) -> Vec<Season> {
    let parts = |course: &Course| -> Vec<Range<usize>> {
        let (all, length) = (course.margin.len(), course.margin.len() / count.max(1));
        (0..count).map(|at| at * length..if at + 1 == count { all } else { (at + 1) * length }).collect()
    };
    let of = |course: &Course, season: usize, part: Range<usize>| {
        let off = course.off[part.clone()].iter().fold([0.0; 2], |sum, off| [sum[0] + off[0], sum[1] + off[1]]);
        Season {
            policy: course.policy.clone(),
            seed: course.seed,
            season,
            margin: course.margin[part.clone()].iter().sum(),
            profit: course.profit[part.clone()].iter().sum(),
            forecast_error: (off[1] > 0.0).then(|| off[0] / off[1]),
            elasticity_error: course.elasticity_error[part].last().copied().flatten(),
        }
    };
    let all = courses.iter().flat_map(|course| (1..).zip(parts(course)).map(move |(at, part)| of(course, at, part)));
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seasons_add_up_to_the_run_and_the_last_takes_what_is_left_over() {
        let course = Course {
            policy: "ours".to_owned(),
            seed: 3,
            margin: vec![1, 2, 3, 4, 5, 6, 7],
            profit: vec![1; 7],
            off: vec![[1.0, 4.0], [2.0, 4.0], [0.0, 0.0], [0.0, 0.0], [3.0, 6.0], [0.0, 6.0], [0.0, 0.0]],
            elasticity_error: vec![None, Some(0.9), None, Some(0.8), None, None, Some(0.4)],
            ..Course::default()
        };
        let told = seasons(&[course], 3);
        assert_eq!(told.iter().map(|season| season.margin).collect::<Vec<_>>(), [3, 7, 18]);
        let errors: Vec<_> = told.iter().map(|season| season.forecast_error).collect();
        assert_eq!(errors, [Some(0.375), None, Some(0.25)]);
        let errors: Vec<_> = told.iter().map(|season| season.elasticity_error).collect();
        assert_eq!(errors, [Some(0.9), Some(0.8), Some(0.4)]);
        assert_eq!((told[2].season, told[2].seed, told[2].profit), (3, 3, 3));
    }
}
