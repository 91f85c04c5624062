//! A k-d tree that answers exactly: boxes halved at the median of their widest side, nothing skipped that could be nearer.
//!
//! Ours and small because of what is asked of it: steps that are no coordinate (another region), equal distances told in a
//! stated order, and many cases at one point. Method: Friedman, Bentley and Finkel (1977), with the boxes' true bounds.

use super::Nearest;

/// Coordinates of a point.
pub(super) const DIMENSIONS: usize = 8;
/// Points in a box that is not halved.
const LEAF: usize = 24;
/// Points from which both halves are laid out at once.
const AT_ONCE: usize = 20_000;

/// A case in the space.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub at: [f32; DIMENSIONS],
    pub case: u32,
    pub item: u32,
}

/// Points in boxes; each box is followed by its first half, and knows where its second begins.
pub(super) struct Tree {
    points: Vec<Point>,
    boxes: Vec<Node>,
}

struct Node {
    low: [f32; DIMENSIONS],
    high: [f32; DIMENSIONS],
    first: u32,
    /// Points of a leaf; 0 for a box that is halved.
    points: u32,
    /// Boxes between this one and its second half.
    second: u32,
}

/// Square of the distance between two points.
pub(super) fn square(a: &[f32; DIMENSIONS], b: &[f32; DIMENSIONS]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

impl Tree {
    pub(super) fn of(mut points: Vec<Point>) -> Self {
        let boxes = if points.is_empty() { vec![] } else { laid_out(&mut points, 0) };
        Self { points, boxes }
    }

    /// Hands over every point that may be among the nearest, with its square; `base` is what each is away at least beside.
    pub(super) fn visit(
        &self,
        at: &[f32; DIMENSIONS],
        base: f32,
        nearest: &mut Nearest,
        take: &impl Fn(&mut Nearest, &Point, f32),
    ) {
        if let Some(root) = self.boxes.first() {
            self.visit_box(0, root.square(at), at, base, nearest, take);
        }
    }

    fn visit_box(
        &self,
        number: usize,
        square_to_box: f32,
        at: &[f32; DIMENSIONS],
        base: f32,
        nearest: &mut Nearest,
        take: &impl Fn(&mut Nearest, &Point, f32),
    ) {
        // What lies exactly as far may come first by its date.
        if square_to_box + base > nearest.worst() {
            return;
        }
        let node = &self.boxes[number];
        if node.points > 0 {
            let first = node.first as usize;
            for point in &self.points[first..first + node.points as usize] {
                take(nearest, point, square(at, &point.at));
            }
            return;
        }
        let halves = [number + 1, number + node.second as usize];
        let squares = halves.map(|half| self.boxes[half].square(at));
        let order = if squares[1] < squares[0] { [1, 0] } else { [0, 1] };
        for half in order {
            self.visit_box(halves[half], squares[half], at, base, nearest, take);
        }
    }
}

impl Node {
    /// Square of the distance to the box: rounded as [`square`] is, so that it never exceeds that of a point within.
    fn square(&self, at: &[f32; DIMENSIONS]) -> f32 {
        let sides = at.iter().zip(self.low.iter().zip(&self.high));
        sides.map(|(at, (low, high))| at.clamp(*low, *high) - at).map(|apart| apart * apart).sum()
    }
}

fn laid_out(points: &mut [Point], first: usize) -> Vec<Node> {
    let (mut low, mut high) = (points[0].at, points[0].at);
    for point in points.iter() {
        for side in 0..DIMENSIONS {
            low[side] = low[side].min(point.at[side]);
            high[side] = high[side].max(point.at[side]);
        }
    }
    let mut node = Node { low, high, first: first as u32, points: 0, second: 0 };
    let widest =
        (0..DIMENSIONS).fold(0, |best, side| if high[side] - low[side] > high[best] - low[best] { side } else { best });
    if points.len() <= LEAF || high[widest] <= low[widest] {
        node.points = points.len() as u32;
        return vec![node];
    }
    let middle = points.len() / 2;
    let order = |a: &Point, b: &Point| a.at[widest].total_cmp(&b.at[widest]).then(a.case.cmp(&b.case));
    points.select_nth_unstable_by(middle, order);
    let at_once = points.len() >= AT_ONCE;
    let (left, right) = points.split_at_mut(middle);
    let (left, right) = if at_once {
        rayon::join(|| laid_out(left, first), || laid_out(right, first + middle))
    } else {
        (laid_out(left, first), laid_out(right, first + middle))
    };
    node.second = 1 + left.len() as u32;
    let mut boxes = Vec::with_capacity(1 + left.len() + right.len());
    boxes.push(node);
    boxes.extend(left);
    boxes.extend(right);
    boxes
}
