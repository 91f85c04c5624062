//! White-space separated numbers, with the place of whatever does not fit.

use super::error::{FormatError, shown};

/// Most decimals of a number, so that all numbers of a file can be scaled to whole ones.
const DECIMALS: u32 = 6;
const EXPECTED: &str = "a decimal number with at most 6 decimals";

/// Decimals of a number without trailing zeros.
pub(super) fn decimals(text: &str) -> u32 {
    text.split_once('.').map_or("", |(_, digits)| digits.trim_end_matches('0')).len() as u32
}

/// White-space separated numbers with their lines.
pub(super) struct Tokens<'a> {
    file: String,
    tokens: Vec<(u64, &'a str)>,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Splits a file.
    pub fn read(file: &str, text: &'a str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
        let tokens = lines.flat_map(|(line, at)| line.split_whitespace().map(move |token| (at, token))).collect();
        Self { file: file.to_owned(), tokens, at: 0 }
    }

    /// Returns whether all is read.
    pub fn done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Numbers on the line of the next token, counted up to 5: no header has more.
    pub fn on_this_line(&self) -> usize {
        let Some((line, _)) = self.tokens.get(self.at) else { return 0 };
        self.tokens[self.at..].iter().take(5).take_while(|(other, _)| other == line).count()
    }

    /// Reads a decimal number as text checked to be one.
    pub fn decimal(&mut self, what: &str) -> Result<&'a str, FormatError> {
        let Some(&(line, token)) = self.tokens.get(self.at) else {
            return Err(FormatError::shape(&self.file, format!("the file ends where {what} was expected")));
        };
        self.at += 1;
        let plain = token.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
        if plain && decimals(token) <= DECIMALS && token.parse::<f64>().is_ok_and(f64::is_finite) {
            return Ok(token);
        }
        Err(FormatError::value(&self.file, line, what, token.as_bytes(), EXPECTED))
    }

    /// Reads a count between `low` and `high`.
    pub fn count(&mut self, what: &str, low: usize, high: usize) -> Result<usize, FormatError> {
        let line = self.tokens.get(self.at).map_or(0, |token| token.0);
        let token = self.decimal(what)?;
        let value = token.parse::<usize>().ok().filter(|value| (low..=high).contains(value));
        let expected = || format!("a whole number from {low} to {high}");
        value.ok_or_else(|| FormatError::value(&self.file, line, what, token.as_bytes(), expected()))
    }

    /// Fails unless all is read.
    pub fn end(&self) -> Result<(), FormatError> {
        match self.tokens.get(self.at) {
            None => Ok(()),
            Some((line, token)) => {
                let problem = format!("line {line}: '{}' after the last problem", shown(token.as_bytes()));
                Err(FormatError::shape(&self.file, problem))
            }
        }
    }
}
