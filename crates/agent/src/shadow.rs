//! A journal whose loop runs in shadow, whatever may be done otherwise: plans are made, tried and judged, and nothing is
//! published. The loop itself knows no such thing: it reads what it may do off its journal.

use crate::halt::Mode;
use crate::ports::{Journal, PortError};
use endcap_model::Event;

/// Who put it in shadow.
const BY: &str = "endcap, as it was started";

/// A journal that says last that the loop runs in shadow. What happens is kept in it as ever.
pub struct InShadow<J>(pub J);

impl<J: Journal> Journal for InShadow<J> {
    fn append(&mut self, event: &Event) -> Result<(), PortError> {
        self.0.append(event)
    }

    fn read(&self) -> Result<Vec<Event>, PortError> {
        let mut events = self.0.read()?;
        // A loop that is halted stays so: only a named person resumes it.
        if Mode::of(&events) == Mode::Acting {
            let reason = "it plans and publishes nothing".to_owned();
            events.push(Event::Resumed { by: BY.to_owned(), reason, shadow: true });
        }
        Ok(events)
    }
}
