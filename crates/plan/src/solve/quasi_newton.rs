//! Limited-memory quasi-Newton directions.
//!
//! # Source
//! Two-loop recursion: Nocedal (1980).

use std::collections::VecDeque;

/// Steps remembered.
const STEPS: usize = 10;

/// The last steps and how the gradient changed over them.
#[derive(Clone, Debug, Default)]
pub struct Memory(VecDeque<(Vec<f64>, Vec<f64>, f64)>);

impl Memory {
    /// Returns whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The memory of a function that is this many times as large.
    pub fn scaled(mut self, times: f64) -> Self {
        for (_, change, rho) in &mut self.0 {
            change.iter_mut().for_each(|change| *change *= times);
            *rho /= times;
        }
        self
    }

    /// Remembers a step and the change of the gradient, unless the curvature says nothing.
    pub fn learn(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let curvature = dot(&step, &change);
        if curvature > 1e-10 * dot(&change, &change).sqrt() * dot(&step, &step).sqrt() {
            self.0.push_back((step, change, 1.0 / curvature));
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
        for (step, change, rho) in self.0.iter().rev() {
            let alpha = rho * dot(step, &q);
            q.iter_mut().zip(change).for_each(|(q, y)| *q -= alpha * y);
            alphas.push(alpha);
        }
        if let Some((step, change, _)) = self.0.back() {
            let ratio = dot(step, change) / dot(change, change).max(1e-300);
            q.iter_mut().for_each(|q| *q *= ratio);
        }
        for ((step, change, rho), alpha) in self.0.iter().zip(alphas.into_iter().rev()) {
            let beta = rho * dot(change, &q);
            q.iter_mut().zip(step).for_each(|(q, s)| *q += (alpha - beta) * s);
        }
        let direction = mask(q.iter().map(|q| -q).collect());
        if dot(&direction, gradient) < 0.0 { direction } else { mask(gradient.iter().map(|g| -g).collect()) }
    }
}

/// Inner product.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
