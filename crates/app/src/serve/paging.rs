//! Long lists, a page at a time.

use super::problem::{Answer, Problem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which part of a list is wanted.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Part {
    /// Most entries on a page, 1 to 500; 50 when not given.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// Where the page before ended (`next` of its answer).
    #[param(pattern = "^[0-9a-f]{1,16}$")]
    pub cursor: Option<String>,
}

/// A part of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Entries in all, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<usize>,
    /// `cursor` of the next page; nothing after the last.
    pub next: Option<String>,
}

impl Part {
    /// Most entries on the page.
    pub fn limit(&self) -> Answer<usize> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=500 => Ok(limit as usize),
            other => Err(Problem::bad(format!("limit is {other}: expected 1 to 500"))),
        }
    }

    /// The id after which the page begins, of lists that go by id; every id comes after nothing.
    pub fn after(&self) -> Answer<&str> {
        let is_ours = |text: &str| {
            (1..=16).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        match self.cursor.as_deref() {
            Some(text) if !is_ours(text) => Err(not_ours(text)),
            after => Ok(after.unwrap_or_default()),
        }
    }

    /// Cuts the page out of a list that is whole in memory.
    pub fn of<T>(&self, all: impl ExactSizeIterator<Item = T>) -> Answer<Page<T>> {
        let (limit, total) = (self.limit()?, all.len());
        let from = match &self.cursor {
            None => 0,
            Some(text) => usize::from_str_radix(text, 16).map_err(|_| not_ours(text))?,
        };
        let after = from.saturating_add(limit);
        let next = (after < total).then(|| format!("{after:x}"));
        Ok(Page { items: all.skip(from).take(limit).collect(), total: Some(total), next })
    }
}

fn not_ours(cursor: &str) -> Problem {
    Problem::bad(format!("cursor '{cursor}' is not one of ours"))
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn pages_hold_every_entry_once() {
        let (mut cursor, mut seen) = (None, Vec::new());
        loop {
            let page = Part { limit: Some(3), cursor }.of((0..10).collect::<Vec<_>>().into_iter()).unwrap();
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_cursor_that_is_not_ours_is_refused() {
        for foreign in ["0.5", ""] {
            let part = Part { limit: None, cursor: Some(foreign.into()) };
            assert_eq!(part.of([1].into_iter()).unwrap_err().status, 400);
            assert_eq!(part.after().unwrap_err().status, 400);
        }
        assert_eq!(Part { limit: Some(501), cursor: None }.of([1].into_iter()).unwrap_err().status, 400);
    }
}
