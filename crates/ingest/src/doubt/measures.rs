//! Medians and the spreads around them.

/// What the median absolute deviation is multiplied by to be a standard deviation of normal values.
const NORMAL: f32 = 1.4826;

/// The middle value, or the mean of the two middle ones; nothing of none. The values are reordered.
pub(crate) fn median(values: &mut [f32]) -> Option<f32> {
    let count = values.len();
    if count == 0 {
        return None;
    }
    let (below, &mut middle, _) = values.select_nth_unstable_by(count / 2, f32::total_cmp);
    if count % 2 == 1 {
        return Some(middle);
    }
    let lower = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Some(f32::midpoint(lower, middle))
}

/// Median, and the standard deviation that the median absolute deviation stands for. The values are reordered.
pub(crate) fn centre_and_spread(values: &mut [f32]) -> Option<(f32, f32)> {
    let centre = median(values)?;
    values.iter_mut().for_each(|value| *value = (*value - centre).abs());
    Some((centre, NORMAL * median(values)?))
}
