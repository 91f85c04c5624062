//! `endcap.toml`: what a project is called, how its time and money are counted, and which columns of which files hold
//! its facts. Read once, checked whole, before anything else is done.

use crate::database::DatabaseSettings;
use crate::feeds::FeedSettings;
use crate::imports::{self, Import};
use crate::{AdapterError, presets, records, tables};
use endcap_agent::schedule::ScheduleSettings;
use endcap_ingest::doubt::Plausibility;
use endcap_model::{Calendar, Currency, FactKind, FieldKind, Period};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the configuration in a project's folder.
pub const FILE_NAME: &str = "endcap.toml";

/// A project, read from `endcap.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Name shown to people.
    pub name: String,
    /// Currency of all amounts of money, as ISO 4217 writes it (EUR). Files hold major units (12.50).
    pub currency: Currency,
    /// How time is cut: `day` or `week`.
    pub calendar: Calendar,
    /// A data set whose columns are known: `completejourney` or `freshretailnet50k`. Tables given here win over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<presets::Preset>,
    /// Folder with the files of the preset, from the project's folder on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Whether a period without a sales row, between the first and the last sale of an item at a place, means that
    /// nothing was sold (tills that record sales only). When false, the default, it means that nothing is known.
    #[serde(default)]
    pub absent_sales_are_zero: bool,
    /// How strict sales are judged; without it they are believed as they come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plausibility: Option<Plausibility>,
    /// Where items come from.
    #[serde(default)]
    pub items: Vec<SourceTable>,
    /// Where places come from.
    #[serde(default)]
    pub places: Vec<SourceTable>,
    /// Where sales come from.
    #[serde(default)]
    pub sales: Vec<SourceTable>,
    /// Where prices come from.
    #[serde(default)]
    pub prices: Vec<SourceTable>,
    /// Where stock comes from.
    #[serde(default)]
    pub stock: Vec<SourceTable>,
    /// Where promotions come from.
    #[serde(default)]
    pub promotions: Vec<SourceTable>,
    /// Where deliveries come from.
    #[serde(default)]
    pub deliveries: Vec<SourceTable>,
    /// Where competitors' prices come from.
    #[serde(default)]
    pub competitors: Vec<SourceTable>,
    /// Where events and controls come from.
    #[serde(default)]
    pub events: Vec<SourceTable>,
    /// The database that holds journal and ledger; they are files in the project's folder without it. No part of what facts
    /// depend on.
    #[serde(default, skip_serializing)]
    pub database: Option<DatabaseSettings>,
    /// Sources that bring facts by themselves; what they bring lies in `records.db`.
    #[serde(default, skip_serializing)]
    pub feed: Vec<FeedSettings>,
    /// When `endcap watch` does what.
    #[serde(default, skip_serializing)]
    pub schedule: Vec<ScheduleSettings>,
    /// What was brought in at the desk, the first import first; no part of the file.
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
}

/// Files that hold rows of one kind of fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceTable {
    /// CSV or Parquet files, from the project's folder on; `*` and `?` stand for any part of a name.
    pub files: Vec<String>,
    /// Character between the fields of a CSV file; a comma when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Period that the number 0 stands for, where periods are numbers: a date, or an ISO week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_origin: Option<String>,
    /// What the columns of a CSV file hold that expressions use: `number` or `text`. Columns that are taken as they
    /// are need no type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, ColumnType>,
    /// Other files whose columns are joined to each row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookup: Vec<Lookup>,
    /// Rules that a row must keep; a row that breaks one is set aside with its reason. A rule that cannot be told
    /// (because a value is missing) is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<Keep>,
    /// Whether rows of these files are believed, whatever they say; `[plausibility]` then leaves them alone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub trusted: bool,
    /// For each column of the facts, a column of the file or an SQL expression over its columns.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// For events only: names of controls, each with the column that holds its value; each row gives one event each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// What a text column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Decimal numbers; a row with anything else is set aside.
    Number,
    /// Text.
    Text,
}

/// A file whose columns are joined to each row that has the same key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The file, from the project's folder on.
    pub file: String,
    /// Column that holds the key, in both files.
    pub on: String,
}

/// A rule that a row must keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// An SQL expression that is true for rows to load.
    pub rule: String,
    /// Why other rows are set aside, for people.
    pub reason: String,
}

impl Project {
    /// Reads and checks the project of a folder.
    ///
    /// # Errors
    /// [`AdapterError`] when `endcap.toml` is not there, or has a field that is unknown, missing or does not fit.
    pub fn read(folder: &Path) -> Result<Self, AdapterError> {
        Self::read_with(folder, None)
    }

    /// Reads and checks the project of a folder as it would be with one more import.
    ///
    /// # Errors
    /// As [`Project::read`].
    pub fn read_with(folder: &Path, more: Option<&Import>) -> Result<Self, AdapterError> {
        let path = folder.join(FILE_NAME);
        let mut project = Self::read_configured(folder)?;
        project.imports.extend(more.cloned());
        let imported = project.imports.iter().flat_map(|import| &import.files);
        let has_sales = imported.filter(|file| file.kind == FactKind::Sales).count() > 0;
        let is_fed = project.feed.iter().any(|feed| feed.carries == FactKind::Sales);
        if project.sales.is_empty() && !has_sales && !is_fed && !folder.join(records::FILE_NAME).exists() {
            return Err(configuration(
                &path,
                "sales",
                "missing",
                "a [[sales]] table, or a [[feed]] that carries sales: nothing can be planned without sales",
            ));
        }
        Ok(project)
    }

    /// Reads a project that may still lack sales: its files may yet be brought in.
    ///
    /// # Errors
    /// As [`Project::read`].
    pub fn read_configured(folder: &Path) -> Result<Self, AdapterError> {
        let path = folder.join(FILE_NAME);
        let mut project: Self = tables::read_toml(&path)?;
        project.expand(&path)?;
        project.check(&path)?;
        project.imports = imports::all(folder)?;
        Ok(project)
    }

    /// Returns where a kind of fact comes from.
    pub fn sources(&self, kind: FactKind) -> &[SourceTable] {
        match kind {
            FactKind::Items => &self.items,
            FactKind::Places => &self.places,
            FactKind::Sales => &self.sales,
            FactKind::Prices => &self.prices,
            FactKind::Stock => &self.stock,
            FactKind::Promotions => &self.promotions,
            FactKind::Deliveries => &self.deliveries,
            FactKind::Competitors => &self.competitors,
            FactKind::Events => &self.events,
        }
    }

    pub(crate) fn sources_mut(&mut self, kind: FactKind) -> &mut Vec<SourceTable> {
        match kind {
            FactKind::Items => &mut self.items,
            FactKind::Places => &mut self.places,
            FactKind::Sales => &mut self.sales,
            FactKind::Prices => &mut self.prices,
            FactKind::Stock => &mut self.stock,
            FactKind::Promotions => &mut self.promotions,
            FactKind::Deliveries => &mut self.deliveries,
            FactKind::Competitors => &mut self.competitors,
            FactKind::Events => &mut self.events,
        }
    }

    fn expand(&mut self, path: &Path) -> Result<(), AdapterError> {
        match (self.preset, self.folder.clone()) {
            (Some(preset), Some(folder)) => {
                if self.calendar != preset.calendar() {
                    let expected = format!("{}, as the preset has it", preset.calendar());
                    return Err(configuration(path, "calendar", self.calendar, expected));
                }
                presets::expand(self, preset, &folder);
                Ok(())
            }
            (Some(_), None) => Err(configuration(path, "folder", "missing", "the folder with the preset's files")),
            (None, Some(folder)) => {
                let expected = "a preset beside it, such as preset = \"completejourney\", or no folder";
                Err(configuration(path, "folder", folder.display(), expected))
            }
            (None, None) => Ok(()),
        }
    }

    fn check(&self, path: &Path) -> Result<(), AdapterError> {
        if self.calendar == Calendar::Index {
            return Err(configuration(path, "calendar", "index", "day or week"));
        }
        if let Some(database) = &self.database {
            let failed = |(field, found, expected): (&str, String, &str)| {
                configuration(path, &format!("database.{field}"), found, expected)
            };
            database.check().map_err(failed)?;
        }
        if let Some(Err((field, found, expected))) = self.plausibility.as_ref().map(Plausibility::check) {
            return Err(configuration(path, &format!("plausibility.{field}"), found, expected));
        }
        self.check_feeds(path)?;
        for kind in FactKind::ALL {
            for source in self.sources(kind) {
                source.check(kind, self.calendar).map_err(|(field, found, expected)| {
                    configuration(path, &format!("{kind}.{field}"), found, expected)
                })?;
            }
        }
        Ok(())
    }
}

impl Project {
    fn check_feeds(&self, path: &Path) -> Result<(), AdapterError> {
        let failed = |(field, found, expected): (String, String, String)| configuration(path, &field, found, expected);
        for (at, feed) in self.feed.iter().enumerate() {
            feed.check().map_err(failed)?;
            if self.feed[..at].iter().any(|other| other.name == feed.name) {
                return Err(configuration(path, "feed.name", &feed.name, "a name for each: this one is given twice"));
            }
        }
        for (at, schedule) in self.schedule.iter().enumerate() {
            schedule.check().map_err(failed)?;
            if self.schedule[..at].iter().any(|other| other.name == schedule.name) {
                let expected = "a name for each: this one is given twice";
                return Err(configuration(path, "schedule.name", &schedule.name, expected));
            }
        }
        Ok(())
    }
}

fn configuration(path: &Path, field: &str, found: impl ToString, expected: impl ToString) -> AdapterError {
    let (field, found, expected) = (field.to_owned(), found.to_string(), expected.to_string());
    AdapterError::Configuration { path: path.to_owned(), field, found, expected }
}

impl SourceTable {
    /// Returns the period that the number 0 stands for.
    pub(crate) fn origin(&self, calendar: Calendar) -> Option<Period> {
        self.period_origin.as_ref().and_then(|text| calendar.parse(text).ok())
    }

    /// Returns the byte between the fields of a CSV file.
    pub(crate) fn delimiter_byte(&self) -> u8 {
        self.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok()).unwrap_or(b',')
    }

    fn check(&self, kind: FactKind, calendar: Calendar) -> Result<(), (String, String, String)> {
        let wrong = |field: &str, found: &str, expected: &str| Err((field.into(), found.into(), expected.into()));
        if self.files.is_empty() {
            return wrong("files", "empty", "at least one file, such as files = [\"sales/*.csv\"]");
        }
        if let Some(delimiter) = self.delimiter
            && (!delimiter.is_ascii() || matches!(delimiter, '"' | '\n' | '\r'))
        {
            return wrong("delimiter", &delimiter.to_string(), "one ASCII character such as ; or a tab");
        }
        if let Some(origin) = &self.period_origin
            && let Err(error) = calendar.parse(origin)
        {
            return wrong("period_origin", origin, error.expected);
        }
        if !self.values.is_empty() && kind != FactKind::Events {
            return wrong("values", "given", "no values: only events are made from several columns of one row");
        }
        let names: Vec<&str> = kind.fields().iter().map(|field| field.name).collect();
        if let Some(unknown) = self.columns.keys().find(|name| !names.contains(&name.as_str())) {
            return wrong(&format!("columns.{unknown}"), "unknown", &format!("one of {}", names.join(", ")));
        }
        let from_values = |name: &str| !self.values.is_empty() && matches!(name, "name" | "value");
        for field in kind.fields().iter().filter(|field| field.required) {
            if !self.columns.contains_key(field.name) && !from_values(field.name) {
                let expected = format!("a column or expression for it ({})", field.meaning);
                return wrong(&format!("columns.{}", field.name), "missing", &expected);
            }
        }
        Ok(())
    }
}

/// Writes a commented `endcap.toml`: with a preset, what it takes; else every table and column there is, to be
/// filled in.
pub fn template(preset: Option<(presets::Preset, &Path)>) -> String {
    let mut text = String::from(
        "# What this project is called, how its time and money are counted, and which columns of which files hold its\n\
         # facts. Paths go from this file's folder on. `endcap ingest` reads it; every row that cannot be read is set\n\
         # aside with its reason, and the load goes on.\n\n",
    );
    if let Some((preset, folder)) = preset {
        text += &format!(
            "name = {:?}\n# ISO 4217; amounts in files are in major units (12.50).\ncurrency = \"{}\"\n\
             # How time is cut: day or week.\ncalendar = \"{}\"\n\
             # The columns of this data set are known; tables given below win over it.\npreset = \"{}\"\n\
             # Folder with its files.\nfolder = {:?}\n",
            preset.title(),
            preset.currency().code(),
            preset.calendar(),
            preset.name(),
            folder.display().to_string(),
        );
        return text;
    }
    text += "name = \"My shop\"\n# ISO 4217; amounts in files are in major units (12.50).\ncurrency = \"EUR\"\n\
             # How time is cut: day or week.\ncalendar = \"week\"\n\
             # Whether a period without a sales row means that nothing was sold (true) or that nothing is known (false).\n\
             absent_sales_are_zero = true\n\n\
             # Each column is a column of the file, or an SQL expression over its columns: \"round(kilos * 4)\",\n\
             # \"paid / pieces\", \"concat(article, '-', size)\". In CSV files, columns that expressions use need a type:\n\
             # types = { paid = \"number\", pieces = \"number\" }. More that a table may have,\n\
             # above the line of its columns:\n\
             #   delimiter = \";\"                        between the fields of a CSV file\n\
             #   period_origin = \"2024-01-01\"           period that the number 0 stands for, where periods are numbers\n\
             #   lookup = [{ file = \"series.csv\", on = \"series_id\" }]     joins another file's columns to each row\n\
             #   keep = [{ rule = \"pieces > 0\", reason = \"no piece changed hands\" }]   other rows are set aside\n";
    text += "\n# Sales that cannot be believed are set aside until somebody answers: `endcap quarantine show`. Fields: docs/inputs.md.\n\
             # `trusted = true` in a table below leaves its rows alone.\n[plausibility]\n";
    for kind in FactKind::ALL {
        text += &format!("\n{}", template_of(kind));
    }
    text
}

/// The commented table of one kind: sales are live, the others wait for their comment signs to be taken away.
fn template_of(kind: FactKind) -> String {
    let live = kind == FactKind::Sales;
    let mark = if live { "" } else { "# " };
    let mut text = format!("{mark}[[{kind}]]\n{mark}files = [\"{kind}.csv\"]\n{mark}[{kind}.columns]\n");
    for field in kind.fields() {
        let mark = if field.required || !live { mark } else { "# " };
        let need = match (field.required, field.key) {
            (true, _) => "needed; ",
            (false, true) => "tells rows apart, if any; ",
            (false, false) => "",
        };
        let setting = format!("{mark}{} = \"{}\"", field.name, field.name);
        text += &format!("{setting:34} # {need}{} ({})\n", field.meaning, form(field.kind));
    }
    if kind == FactKind::Events {
        text += "# Or, where each control has a column of its own, instead of name and value:\n\
                 # values = { holiday = \"holiday_flag\", temperature = \"avg_temperature\" }\n";
    }
    text
}

fn form(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Sku | FieldKind::Place | FieldKind::Text => "text",
        FieldKind::Period => "date or ISO week",
        FieldKind::Pieces => "whole pieces, 0 or more",
        FieldKind::Money => "money over 0, in major units",
        FieldKind::Share => "share from 0 to 1",
        FieldKind::PriceRatio => "over 0, 1 without discount",
        FieldKind::Flag => "0 or 1",
        FieldKind::Number => "any number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_project_and_names_every_column_with_its_meaning() {
        let text = template(None);
        let project: Project = toml::from_str(&text).unwrap();
        project.check(Path::new(FILE_NAME)).unwrap();
        for kind in FactKind::ALL {
            let section = text.split(&format!("[{kind}.columns]")).nth(1).unwrap();
            for field in kind.fields() {
                let line = section
                    .lines()
                    .find(|line| line.trim_start_matches("# ").starts_with(&format!("{} = ", field.name)));
                assert!(line.is_some_and(|line| line.contains(field.meaning)), "{kind}.{}", field.name);
            }
        }
    }

    #[test]
    fn the_template_with_all_comment_signs_taken_away_is_a_project() {
        let text = template(None);
        let (head, tables) = text.split_at(text.find("# [[items]]").unwrap());
        let tables: Vec<&str> = tables
            .lines()
            .filter(|line| !line.starts_with("# Or") && !line.starts_with("# values"))
            .map(|line| line.strip_prefix("# ").unwrap_or(line))
            .collect();
        let project: Project = toml::from_str(&format!("{head}{}", tables.join("\n"))).unwrap();
        project.check(Path::new(FILE_NAME)).unwrap();
        for kind in FactKind::ALL {
            assert_eq!(project.sources(kind)[0].columns.len(), kind.fields().len(), "{kind}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let check = |text: &str| -> String {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
            Project::read(folder.path()).unwrap_err().to_string()
        };
        let head = "name = \"x\"\ncurrency = \"EUR\"\ncalendar = \"day\"\n";
        let sales = "[[sales]]\nfiles = [\"a.csv\"]\n[sales.columns]\nsku = \"a\"\nplace = \"b\"\nperiod = \"c\"\n";
        for (text, expected) in [
            (head.to_owned(), "sales is missing"),
            (format!("{head}colour = 1\n"), "unknown field `colour`"),
            (format!("{head}{sales}"), "sales.columns.units is missing: expected"),
            (format!("{head}{sales}units = \"d\"\nprise = \"e\"\n"), "sales.columns.prise is unknown: expected one of"),
            (head.replace("EUR", "ECU"), "currency"),
            (format!("{head}preset = \"completejourney\"\n"), "folder is missing"),
            (format!("{head}preset = \"completejourney\"\nfolder = \".\"\n"), "expected week"),
            (format!("{head}folder = \".\"\n"), "expected a preset"),
        ] {
            let message = check(&text);
            assert!(message.contains(expected), "{message}\n{text}");
        }
    }
}
