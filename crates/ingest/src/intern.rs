//! Texts as small numbers: every distinct text of a column is kept once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The number that stands for no text.
pub(crate) const ABSENT: u32 = u32::MAX;

/// The distinct texts of one column, numbered as they came.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    texts: Vec<Arc<str>>,
    known: Vec<bool>,
    by_text: HashMap<Arc<str>, u32>,
    by_number: HashMap<i64, u32>,
    last_number: Option<(i64, u32)>,
    last_text: Option<u32>,
    allowed: Option<Arc<HashSet<Arc<str>>>>,
}

impl Interner {
    /// Makes an interner that knows which texts are allowed; all are when nothing is given.
    pub fn new(allowed: Option<Arc<HashSet<Arc<str>>>>) -> Self {
        Self { allowed, ..Self::default() }
    }

    /// Returns the number of a text.
    pub fn text(&mut self, text: &str) -> u32 {
        if let Some(last) = self.last_text
            && &*self.texts[last as usize] == text
        {
            return last;
        }
        let id = match self.by_text.get(text) {
            Some(&id) => id,
            None => self.add(text),
        };
        self.last_text = Some(id);
        id
    }

    /// Returns the number of the text of a whole number, without writing it out again each time.
    pub fn number(&mut self, number: i64) -> u32 {
        if let Some((last, id)) = self.last_number
            && last == number
        {
            return id;
        }
        let id = match self.by_number.get(&number) {
            Some(&id) => id,
            None => {
                let id = self.text(&number.to_string());
                self.by_number.insert(number, id);
                id
            }
        };
        self.last_number = Some((number, id));
        id
    }

    fn add(&mut self, text: &str) -> u32 {
        let id = self.texts.len() as u32;
        let text: Arc<str> = Arc::from(text);
        self.known.push(self.allowed.as_ref().is_none_or(|allowed| allowed.contains(&text)));
        self.texts.push(text.clone());
        self.by_text.insert(text, id);
        id
    }

    /// Returns whether a text is one of those that other tables know.
    pub fn is_known(&self, id: u32) -> bool {
        self.known[id as usize]
    }

    /// Returns the texts, by number.
    pub fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }
}

/// Renumbers texts in their order, leaving out those that no row uses any more.
///
/// Returns the texts in order; `ids` then holds positions in it, whatever order the texts first came in.
pub(crate) fn rank(interner: &Interner, ids: &mut [u32]) -> Vec<Arc<str>> {
    let mut used = vec![false; interner.texts().len()];
    ids.iter().filter(|&&id| id != ABSENT).for_each(|&id| used[id as usize] = true);
    let mut order: Vec<u32> = (0..used.len() as u32).filter(|&id| used[id as usize]).collect();
    order.sort_unstable_by(|&a, &b| interner.texts()[a as usize].cmp(&interner.texts()[b as usize]));
    let mut position = vec![ABSENT; used.len()];
    for (rank, &id) in order.iter().enumerate() {
        position[id as usize] = rank as u32;
    }
    ids.iter_mut().filter(|id| **id != ABSENT).for_each(|id| *id = position[*id as usize]);
    order.into_iter().map(|id| interner.texts()[id as usize].clone()).collect()
}
