//! The review of one style: pure, from what was seen of it to what to do and why.

use endcap_model::Sku;
use endcap_supply::{Rebuilt, SizeCurve, SizeHealth, SizeStock, SlowCause, consolidate, size_health, slow_cause};
use endcap_twin::SizeRules;

/// How far behind its path a style may fall before it counts as behind, as a share of what was bought.
const BEHIND: f64 = 0.03;

/// What is known of a style at a review.
#[derive(Clone, Debug, PartialEq)]
pub struct StyleSeen {
    /// The style.
    pub style: Sku,
    /// What lies where, and the demand of the rest of the season there.
    pub stock: Vec<SizeStock>,
    /// Pieces sold since the last review.
    pub sold: f64,
    /// Pieces that were to sell in that time with all sizes there.
    pub expected: f64,
    /// Share of demand whose size was there in that time.
    pub covered: f64,
    /// Pieces sold over pieces bought.
    pub through: f64,
    /// What that should be by now.
    pub path: f64,
    /// Depth of the markdown that runs.
    pub depth: f64,
    /// What the sale of a piece brings, over what is left of it at the end; minor units.
    pub margin: f64,
}

/// What becomes of a style's price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Markdown {
    /// It stays.
    Keep,
    /// It stays, although the style is behind: sizes are the cause.
    Blocked,
    /// It goes down to this depth.
    Deeper(f64),
}

/// What a review found and proposes.
#[derive(Clone, Debug, PartialEq)]
pub struct StyleReview {
    /// The style.
    pub style: Sku,
    /// Pieces per store.
    pub pieces_per_place: f64,
    /// How whole its runs are.
    pub health: SizeHealth,
    /// Why it sells slowly.
    pub cause: SlowCause,
    /// What becomes of its price.
    pub markdown: Markdown,
    /// Moves that rebuild its runs, with their gain after transport.
    pub rebuilt: Rebuilt,
}

/// Reviews a style. A piece moves for `transfer_cost`, whatever the way.
pub fn review(seen: &StyleSeen, curve: &SizeCurve, transfer_cost: f64, rules: &SizeRules) -> StyleReview {
    // Blind to sizes, it cannot tell that they are the cause.
    let covered = if rules.sees_sizes { seen.covered } else { 1.0 };
    let cause = slow_cause(seen.sold, seen.expected, covered);
    let behind = seen.through < seen.path - BEHIND;
    let deeper = (seen.depth + rules.step).min(rules.depth_max);
    let markdown = match cause {
        _ if !behind => Markdown::Keep,
        cause if cause.blocks_markdown() => Markdown::Blocked,
        SlowCause::Price if deeper > seen.depth => Markdown::Deeper(deeper),
        _ => Markdown::Keep,
    };
    let rebuilt =
        if rules.sees_sizes { consolidate(curve, &seen.stock, seen.margin, transfer_cost) } else { Rebuilt::default() };
    StyleReview {
        style: seen.style.clone(),
        pieces_per_place: pieces_per_place(&seen.stock),
        health: size_health(curve, &seen.stock),
        cause,
        markdown,
        rebuilt,
    }
}

/// Says that a style's sizes run out, where they do: too few pieces per store, or too little of the demand covered.
pub fn alert(style: &Sku, curve: &SizeCurve, stock: &[SizeStock], rules: &SizeRules) -> Option<String> {
    let (pieces, health) = (pieces_per_place(stock), size_health(curve, stock));
    let low = pieces < rules.pairs_min || health.covered < rules.coverage_min;
    low.then(|| state(style, pieces, &health))
}

fn pieces_per_place(stock: &[SizeStock]) -> f64 {
    stock.iter().flat_map(|at| &at.pieces).sum::<i64>() as f64 / stock.len().max(1) as f64
}

fn state(style: &Sku, pieces_per_place: f64, health: &SizeHealth) -> String {
    format!(
        "{style}: {pieces_per_place:.1} pieces per store, sizes of {:.0} % of the demand there, {:.0} % of the pieces in \
         broken runs",
        health.covered * 100.0,
        health.fragmentation * 100.0
    )
}

impl StyleReview {
    /// Says what people should hear, by kind.
    pub fn told(&self) -> Vec<(&'static str, String)> {
        let state = state(&self.style, self.pieces_per_place, &self.health);
        let mut told = Vec::new();
        if self.markdown == Markdown::Blocked {
            told.push(("markdown blocked", format!("{state}; cause = sizes, not price: a markdown would not help")));
        }
        if !self.rebuilt.moves.is_empty() {
            let pieces: i64 = self.rebuilt.moves.iter().map(|moved| moved.pieces).sum();
            told.push(("transfer", format!("{state}; {pieces} pieces move to rebuild runs")));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_supply::Demand;

    fn curve() -> SizeCurve {
        SizeCurve { shares: vec![0.2, 0.3, 0.3, 0.2], least: vec![0, 1, 1, 0], broken_loss: 0.5 }
    }

    fn seen(pieces: [[i64; 4]; 2], sold: f64, covered: f64) -> StyleSeen {
        let at = |(number, pieces): (usize, [i64; 4])| SizeStock {
            place: format!("store-{number}").as_str().into(),
            pieces: pieces.to_vec(),
            demand: Demand { mean: 4.0, dispersion: 1.2 },
            shares: None,
        };
        StyleSeen {
            style: "sandal".into(),
            stock: pieces.into_iter().enumerate().map(at).collect(),
            sold,
            expected: 10.0,
            covered,
            through: 0.3,
            path: 0.5,
            depth: 0.1,
            margin: 2000.0,
        }
    }

    #[test]
    fn sizes_block_a_markdown_and_a_wrong_price_brings_one() {
        let rules = SizeRules::default();
        let broken = review(&seen([[3, 0, 1, 2], [2, 1, 0, 3]], 5.0, 0.55), &curve(), 90.0, &rules);
        assert_eq!((broken.cause, broken.markdown), (SlowCause::Sizes, Markdown::Blocked));
        assert!(!broken.rebuilt.moves.is_empty() && broken.rebuilt.gain > 0.0, "{broken:?}");
        let told = broken.told();
        assert!(told.iter().any(|(_, text)| text.contains("cause = sizes, not price")), "{told:?}");
        let whole = review(&seen([[3, 3, 3, 3], [3, 3, 3, 3]], 3.0, 1.0), &curve(), 90.0, &rules);
        assert_eq!((whole.cause, whole.markdown), (SlowCause::Price, Markdown::Deeper(0.2)));
        assert!(whole.told().is_empty());
        let (short, full) = (seen([[3, 0, 1, 2], [2, 1, 0, 3]], 5.0, 0.55), seen([[3; 4]; 2], 3.0, 1.0));
        let alerted = |seen: &StyleSeen| alert(&seen.style, &curve(), &seen.stock, &rules);
        assert!(alerted(&full).is_none());
        assert!(alerted(&short).is_none(), "six pieces per store, sizes of 70 % of the demand");
        let few = alerted(&seen([[1, 0, 1, 1], [1, 1, 0, 0]], 5.0, 0.5)).unwrap();
        assert!(few.contains("2.5 pieces per store"), "{few}");
    }

    #[test]
    fn a_style_on_its_path_keeps_its_price_and_no_markdown_goes_beyond_the_deepest() {
        let rules = SizeRules { depth_max: 0.1, ..SizeRules::default() };
        let whole = [[3, 3, 3, 3], [3, 3, 3, 3]];
        assert_eq!(review(&seen(whole, 3.0, 1.0), &curve(), 90.0, &rules).markdown, Markdown::Keep);
        let ahead = StyleSeen { through: 0.6, ..seen(whole, 3.0, 1.0) };
        assert_eq!(review(&ahead, &curve(), 90.0, &SizeRules::default()).markdown, Markdown::Keep);
    }
}
