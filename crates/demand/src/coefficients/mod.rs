//! The coefficient store: what people know better than the data, beside what the data say.
//!
//! An estimate is never changed. A person edits what is *used* in its place, with an interval, a reason and a day on
//! which the edit ends; another person approves it. Edits belong to items or groups, not to a fit, so that they survive
//! refits and stand beside each new estimate. The log of edits is only ever appended to.
//!
//! Never reads a clock or a file: days and lines are arguments. Whether an edit is over is judged on the first day that the
//! history of the model does not know, so that the same facts and edits give the same plan whenever it is made.

mod apply;
mod edit;
mod store;

use endcap_model::LiftModel;
use jiff::civil::Date;

pub use apply::{Applied, AppliedItem};
pub(crate) use edit::same_person;
pub use edit::{Draft, Edit, EditRefusal, Target};
pub use store::{Entry, LogError, State, Store, Version};

/// Returns the day on which edits of a model are judged: the first after its history; nothing where periods have no date.
pub fn day_of(lift: &LiftModel) -> Option<Date> {
    lift.calendar.start_date(lift.span.end)
}
