//! Why a test cannot be designed or read: values that say what is lacking and how much would be enough.

use endcap_model::{EffectKind, Place, Sku};
use serde::Serialize;

/// A test that cannot be designed or read as asked.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "refused", rename_all = "snake_case")]
pub enum TestRefusal {
    /// An item that the panel or the model does not have.
    #[error("item {sku} is not in the history: name one that it lists")]
    UnknownItem {
        /// The item.
        sku: Sku,
    },
    /// An effect that no arm can switch on.
    #[error("{} is no effect that a test can switch on: test own_price, feature or display", effect.name())]
    NotTestable {
        /// The effect.
        effect: EffectKind,
    },
    /// The terms leave nothing to compare.
    #[error("nothing to compare: {what}")]
    NothingToCompare {
        /// What is lacking or wrong, and what to do.
        what: String,
    },
    /// Too little history before the test.
    #[error(
        "{periods} periods of history are too few: {needed} are needed, to know how places sell without the test and to \
         try the test on the past. Maybe wait, or take a shorter test"
    )]
    NoPrePeriod {
        /// Periods in the history.
        periods: usize,
        /// Periods that would be enough.
        needed: usize,
    },
    /// Too few places for the level.
    #[error(
        "{places} places sell it at its usual terms now, {needed} are needed: with fewer pairs even the clearest result \
         could be chance"
    )]
    TooFewPlaces {
        /// Places that could be used.
        places: usize,
        /// Places that would be enough for a test that can show anything.
        needed: usize,
    },
    /// No length and number of places would see the effect.
    #[error(
        "no test of this size would tell: the best ({pairs} pairs, {length} periods) would see a log lift of {effect:.3} \
         in {} % of cases, {} % are asked for. {}",
        (100.0 * power).round(), (100.0 * wanted).round(), could_see(*detectable)
    )]
    PowerNeverReached {
        /// Log lift that is to be seen.
        effect: f64,
        /// Best power that was found.
        power: f64,
        /// Power that was asked for.
        wanted: f64,
        /// Log lift that the best test would see with the power asked for.
        detectable: Option<f64>,
        /// Pairs of the best test.
        pairs: usize,
        /// Periods of the best test.
        length: usize,
    },
    /// A reading before the first look.
    #[error(
        "the sales end with {known}, the next look is after {look}: reading in between would find chance results. Wait \
         for the sales until then"
    )]
    NotYet {
        /// Last period with sales.
        known: String,
        /// Last period of the next look.
        look: String,
    },
    /// No pair is left to read.
    #[error("no pair of places is left to read, the first one ({treated}, {control}) because {reason}")]
    NothingToRead {
        /// Treated place of the first pair.
        treated: Place,
        /// Its control.
        control: Place,
        /// Why it was left out.
        reason: String,
    },
}

fn could_see(detectable: Option<f64>) -> String {
    match detectable {
        Some(lift) => {
            format!("It would see {lift:.3}: test a deeper cut or support that may lift that much, or more places")
        }
        None => "It would see no effect at all: more places are needed".to_owned(),
    }
}
