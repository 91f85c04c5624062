//! Limited-memory quasi-Newton directions.
//!
//! # Source
//! Two-loop recursion: Nocedal (1980).

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Steps remembered.
const STEPS: usize = 30;

/// How the bound bends between prices: the last steps and how the slope changed over them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Curvature(VecDeque<Bend>);

/// One step and the change of the gradient over it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Bend {
    step: Vec<f64>,
    change: Vec<f64>,
}

impl Bend {
    /// Inverse of the curvature along the step.
    fn rho(&self) -> f64 {
        1.0 / dot(&self.step, &self.change)
    }
}

impl Curvature {
    /// Returns whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The curvature of a function that is this many times as large.
    pub fn times(mut self, times: f64) -> Self {
        self.0.iter_mut().flat_map(|bend| &mut bend.change).for_each(|change| *change *= times);
        self
    }

    /// The curvature over variables that are each so many times as large.
    pub fn over(mut self, scale: &[f64]) -> Self {
        for bend in &mut self.0 {
            bend.step.iter_mut().zip(scale).for_each(|(step, scale)| *step *= scale);
            bend.change.iter_mut().zip(scale).for_each(|(change, scale)| *change /= scale);
        }
        self
    }

    /// What of it is usable for so many variables.
    pub fn fitting(mut self, variables: usize) -> Self {
        self.0.retain(|Bend { step, change }| {
            step.len() == variables && change.len() == variables && is_curved(step, change)
        });
        self
    }

    /// Remembers a step and the change of the gradient, unless the curvature says nothing.
    pub fn learn(&mut self, step: Vec<f64>, change: Vec<f64>) {
        if is_curved(&step, &change) {
            self.0.push_back(Bend { step, change });
            if self.0.len() > STEPS {
                self.0.pop_front();
            }
        }
    }

    /// Returns a direction of descent over the free variables.
    pub fn direction(&self, gradient: &[f64], free: &[bool]) -> Vec<f64> {
        let mask = |mut v: Vec<f64>| {
            v.iter_mut().zip(free).for_each(|(v, &free)| *v = if free { *v } else { 0.0 });
            v
        };
        let mut q = mask(gradient.to_vec());
        let mut alphas = Vec::with_capacity(self.0.len());
        for bend in self.0.iter().rev() {
            let alpha = bend.rho() * dot(&bend.step, &q);
            q.iter_mut().zip(&bend.change).for_each(|(q, y)| *q -= alpha * y);
            alphas.push(alpha);
        }
        if let Some(Bend { step, change }) = self.0.back() {
            let ratio = dot(step, change) / dot(change, change).max(1e-300);
            q.iter_mut().for_each(|q| *q *= ratio);
        }
        for (bend, alpha) in self.0.iter().zip(alphas.into_iter().rev()) {
            let beta = bend.rho() * dot(&bend.change, &q);
            q.iter_mut().zip(&bend.step).for_each(|(q, s)| *q += (alpha - beta) * s);
        }
        let direction = mask(q.iter().map(|q| -q).collect());
        if dot(&direction, gradient) < 0.0 { direction } else { mask(gradient.iter().map(|g| -g).collect()) }
    }
}

fn is_curved(step: &[f64], change: &[f64]) -> bool {
    dot(step, change) > 1e-10 * dot(change, change).sqrt() * dot(step, step).sqrt()
}

/// Inner product.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
