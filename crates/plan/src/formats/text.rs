//! Reading numbers out of text, with the place of whatever does not fit.

/// Text that is no instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A value that cannot be read.
    #[error("{file}, line {line}, {column}: '{found}' where {expected} was expected")]
    Value {
        /// The file.
        file: String,
        /// Line, 1 the first.
        line: usize,
        /// Column or number's name.
        column: String,
        /// What stands there.
        found: String,
        /// What would have been read.
        expected: String,
    },
    /// A file without a column.
    #[error("{file} has no column '{column}': expected {expected}")]
    MissingColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// The header that would have been read.
        expected: String,
    },
    /// A file that ends too early, or goes on too long.
    #[error("{file}: {problem}")]
    Shape {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// Numbers that make no problem.
    #[error("{file}: the numbers make no problem")]
    Problem {
        /// The file.
        file: String,
        /// Why.
        source: crate::solve::ProblemError,
    },
}

/// A CSV file with a header and plain values.
pub(super) struct Csv<'a> {
    pub file: &'static str,
    header: Vec<&'a str>,
    /// Line number and values.
    pub rows: Vec<(usize, Vec<&'a str>)>,
}

impl<'a> Csv<'a> {
    /// Splits a file; every row must be as long as the header.
    pub fn read(file: &'static str, text: &'a str) -> Result<Self, FormatError> {
        let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
        let shape = |problem: String| FormatError::Shape { file: file.to_owned(), problem };
        let (_, header) = lines.next().ok_or_else(|| shape("the file is empty: expected a header".to_owned()))?;
        let header: Vec<&str> = header.split(',').map(str::trim).collect();
        let mut rows = Vec::new();
        for (at, line) in lines {
            let values: Vec<&str> = line.split(',').map(str::trim).collect();
            if values.len() != header.len() {
                let (found, expected) = (values.len(), header.len());
                return Err(shape(format!("line {} has {found} values where the header has {expected}", at + 1)));
            }
            rows.push((at + 1, values));
        }
        Ok(Self { file, header, rows })
    }

    /// Finds a column.
    pub fn column(&self, name: &str) -> Result<usize, FormatError> {
        self.header.iter().position(|column| *column == name).ok_or_else(|| FormatError::MissingColumn {
            file: self.file.to_owned(),
            column: name.to_owned(),
            expected: format!("a header with it; found '{}'", self.header.join(",")),
        })
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.header.len()
    }

    /// Reads a finite number that passes a check.
    pub fn number(
        &self,
        row: usize,
        column: usize,
        expected: &str,
        fits: impl Fn(f64) -> bool,
    ) -> Result<f64, FormatError> {
        let found = self.rows[row].1[column];
        let value = found.parse::<f64>().ok().filter(|value| value.is_finite() && fits(*value));
        value.ok_or_else(|| self.wrong(row, column, expected))
    }

    /// Reads a whole number from 0 up to below `end`.
    pub fn index(&self, row: usize, column: usize, end: usize, what: &str) -> Result<usize, FormatError> {
        let found = self.rows[row].1[column].parse::<usize>().ok().filter(|value| *value < end);
        found.ok_or_else(|| self.wrong(row, column, &format!("{what} from 0 to {}", end.saturating_sub(1))))
    }

    /// Reads a whole number.
    pub fn whole(
        &self,
        row: usize,
        column: usize,
        expected: &str,
        fits: impl Fn(i64) -> bool,
    ) -> Result<i64, FormatError> {
        let found = self.rows[row].1[column].parse::<i64>().ok().filter(|value| fits(*value));
        found.ok_or_else(|| self.wrong(row, column, expected))
    }

    fn wrong(&self, row: usize, column: usize, expected: &str) -> FormatError {
        let (line, values) = &self.rows[row];
        FormatError::Value {
            file: self.file.to_owned(),
            line: *line,
            column: self.header[column].to_owned(),
            found: values[column].to_owned(),
            expected: expected.to_owned(),
        }
    }
}

/// White-space separated numbers with their lines.
pub(super) struct Tokens<'a> {
    file: String,
    tokens: Vec<(usize, &'a str)>,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Splits a file.
    pub fn read(file: &str, text: &'a str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
        let tokens = lines.flat_map(|(at, line)| line.split_whitespace().map(move |token| (at + 1, token))).collect();
        Self { file: file.to_owned(), tokens, at: 0 }
    }

    /// Returns whether all is read.
    pub fn done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Numbers on the line of the next token.
    pub fn on_this_line(&self) -> usize {
        let Some((line, _)) = self.tokens.get(self.at) else { return 0 };
        self.tokens[self.at..].iter().take_while(|(other, _)| other == line).count()
    }

    /// Reads a decimal number as text checked to be one.
    pub fn decimal(&mut self, what: &str) -> Result<&'a str, FormatError> {
        let Some(&(line, token)) = self.tokens.get(self.at) else {
            let problem = format!("the file ends where {what} was expected");
            return Err(FormatError::Shape { file: self.file.clone(), problem });
        };
        self.at += 1;
        if token.parse::<f64>().is_ok_and(f64::is_finite) && !token.contains(['e', 'E', 'n', 'N']) {
            return Ok(token);
        }
        Err(FormatError::Value {
            file: self.file.clone(),
            line,
            column: what.to_owned(),
            found: token.to_owned(),
            expected: "a decimal number".to_owned(),
        })
    }

    /// Reads a count between `low` and `high`.
    pub fn count(&mut self, what: &str, low: usize, high: usize) -> Result<usize, FormatError> {
        let line = self.tokens.get(self.at).map_or(0, |token| token.0);
        let token = self.decimal(what)?;
        let value = token.parse::<usize>().ok().filter(|value| (low..=high).contains(value));
        value.ok_or_else(|| FormatError::Value {
            file: self.file.clone(),
            line,
            column: what.to_owned(),
            found: token.to_owned(),
            expected: format!("a whole number from {low} to {high}"),
        })
    }

    /// Fails unless all is read.
    pub fn end(&self) -> Result<(), FormatError> {
        match self.tokens.get(self.at) {
            None => Ok(()),
            Some((line, token)) => Err(FormatError::Shape {
                file: self.file.clone(),
                problem: format!("line {line}: '{token}' after the last problem"),
            }),
        }
    }
}
