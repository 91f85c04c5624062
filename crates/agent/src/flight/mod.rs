//! In flight: a plan that runs is set beside what happens, and mended where that earns more than it costs.
//!
//! [`belief`] says what incoming sales tell of level and lift, pooled by kind; [`trial`] plays a cell's stock path with and
//! without a change before it is proposed; [`narrow`] takes an offer back at places whose shelf cannot hold it; [`mod@tweaks`]
//! gives the changes of a revised plan their names, each with its trial; in [`talk`] inventory signals what is short or too much,
//! and supply and promotion answer by stated rules.
//!
//! Never approves, publishes or sends: what comes out is proposed. Lift that is learnt in flight goes on from one plan to the next until
//! a new champion was fitted to the same sales.

pub mod belief;
pub mod look;
pub mod narrow;
pub mod path;
pub mod stage;
pub mod talk;
pub mod trial;
pub mod tweaks;

pub use belief::{Belief, Normal, OfKind, Seen, taken_in};
pub use look::{Amendment, Before, InFlight, Reading};
pub use narrow::{Narrowed, left, narrowed};
pub use path::{SoFar, Standing, standings};
pub use stage::{Course, Stage, before_orders};
pub use talk::{Answer, Exchange, Party, Rule, Wrong};
pub use trial::Effect;
pub use tweaks::{Kind, Told, Tweak, tweaks};
