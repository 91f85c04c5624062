//! Where a project's rows lie, as its `endcap.toml` says.

use crate::channels::secret;
use crate::{AdapterError, files, project};
use endcap_model::hash_bytes;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// `[database]` of `endcap.toml`: journal and ledger lie in PostgreSQL. Without it they are SQLite files in the project's
/// folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// Server, user and database: `postgres://user@host:5432/database`, without the password.
    pub postgres: String,
    /// Schema that this project has to itself; made when it is not there.
    pub schema: String,
    /// File with the password alone that only its owner may read, from the project's folder on. Without it the password
    /// is looked for where PostgreSQL's own programs look: `PGPASSWORD`, then `~/.pgpass`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

/// Where some tables lie.
#[derive(Clone, Debug)]
pub(crate) enum Home {
    /// In a file of SQLite.
    File(PathBuf),
    /// In a schema of PostgreSQL.
    Postgres(Box<Server>),
}

/// How a project's schema is reached.
#[derive(Clone)]
pub(crate) struct Server {
    options: PgConnectOptions,
    /// Name of the schema: letters, digits and `_` alone.
    pub schema: String,
}

impl fmt::Debug for Server {
    /// Without the address, which holds the password once it was read.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "schema {}", self.schema)
    }
}

/// The only table of `endcap.toml` that matters here.
#[derive(Deserialize)]
struct Configured {
    database: Option<DatabaseSettings>,
}

/// Whether there is, or may be, a database: a file that is there, or a schema, whether it can be reached or not.
pub fn is_kept(file: &Path) -> bool {
    file.is_file() || !matches!(Home::of(file), Ok(Home::File(_)))
}

impl Home {
    /// Where the tables lie whose file is, or would be, this one.
    ///
    /// # Errors
    /// [`AdapterError`] when `endcap.toml` does not say it clearly.
    pub fn of(file: &Path) -> Result<Self, AdapterError> {
        let folder = files::folder_of(file);
        let Some(settings) = settings(folder)? else { return Ok(Self::File(file.to_owned())) };
        if file.exists() {
            let expected = "one home alone: `endcap backup` it as it was, then `endcap restore --to` another folder, which \
                            brings it into PostgreSQL";
            return Err(AdapterError::form(file, "lies here, and endcap.toml names PostgreSQL", expected));
        }
        Ok(Self::Postgres(Box::new(Server::of(folder, &settings)?)))
    }
}

/// What a project's `endcap.toml` says of it.
pub(crate) fn settings(folder: &Path) -> Result<Option<DatabaseSettings>, AdapterError> {
    let path = folder.join(project::FILE_NAME);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(AdapterError::system("read", &path, error)),
    };
    match toml::from_str::<Configured>(&text) {
        Ok(read) => Ok(read.database),
        // A file that is wrong elsewhere stops neither a stop nor a backup.
        Err(_) if !text.contains("database") => Ok(None),
        Err(error) => Err(AdapterError::Syntax { path, problem: error.to_string() }),
    }
}

/// Has a project's `endcap.toml` say where its rows lie: the table `[database]` goes, or another takes its place.
///
/// # Errors
/// [`AdapterError`] when it cannot be written, or the settings do not fit.
pub(crate) fn settle(folder: &Path, wanted: Option<&DatabaseSettings>) -> Result<(), AdapterError> {
    let path = folder.join(project::FILE_NAME);
    let mut text = String::new();
    let mut is_ours = false;
    for line in files::read_text(&path)?.lines() {
        if line.trim_start().starts_with('[') {
            is_ours = line.trim() == "[database]";
        }
        if !is_ours {
            text += line;
            text.push('\n');
        }
    }
    if let Some(wanted) = wanted {
        Server::of(folder, wanted)?;
        let table = toml::to_string(wanted).expect("Invariant: settings are TOML");
        text = format!("{}\n\n[database]\n{table}", text.trim_end());
    }
    let read: Result<Configured, _> = toml::from_str(&text);
    if read.ok().map(|read| read.database) != Some(wanted.cloned()) {
        let expected = "[database] as a table of its own, in lines of its own";
        return Err(AdapterError::form(&path, "cannot be changed", expected));
    }
    files::write_atomic(&path, text.as_bytes())
}

impl DatabaseSettings {
    /// Says which field does not fit: its name, what it holds, what was expected.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String, &'static str)> {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let name = &self.schema;
        let is_name = name.bytes().all(plain) && name.starts_with(|first: char| first.is_ascii_lowercase());
        if !is_name || name.len() > 48 || name.starts_with("pg_") || name == "public" {
            let expected = "a name of its own for this project: up to 48 small letters, digits and _";
            return Err(("schema", name.clone(), expected));
        }
        let address = "postgres://user@host:5432/database";
        let Ok(url) = reqwest::Url::parse(&self.postgres) else {
            return Err(("postgres", "no address".to_owned(), address));
        };
        if url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password") {
            let expected = "no password here: write it into a file and name that by password_file, or set PGPASSWORD";
            return Err(("postgres", "an address with a password".to_owned(), expected));
        }
        if !matches!(url.scheme(), "postgres" | "postgresql") || self.postgres.parse::<PgConnectOptions>().is_err() {
            return Err(("postgres", self.postgres.clone(), address));
        }
        Ok(())
    }
}

impl Server {
    pub(crate) fn of(folder: &Path, settings: &DatabaseSettings) -> Result<Self, AdapterError> {
        let configuration = |(field, found, expected): (&str, String, &str)| AdapterError::Configuration {
            path: folder.join(project::FILE_NAME),
            field: format!("database.{field}"),
            found,
            expected: expected.to_owned(),
        };
        settings.check().map_err(configuration)?;
        let mut options: PgConnectOptions = settings.postgres.parse().map_err(|error: sqlx::Error| {
            configuration(("postgres", format!("not understood ({error})"), "postgres://user@host:5432/database"))
        })?;
        if let Some(file) = &settings.password_file {
            let path = folder.join(file);
            let secret = secret::read(&path)?;
            let text = std::str::from_utf8(secret.expose());
            options = options.password(
                text.map_err(|_| AdapterError::form(&path, "is no text", "the password alone, in one line"))?,
            );
        }
        let schema = settings.schema.clone();
        options = options.application_name("endcap").options([
            ("search_path", schema.as_str()),
            // As long as SQLite waits for whoever holds a file.
            ("lock_timeout", "5s"),
            // A commit that was acknowledged is on disk, whatever the server's own setting.
            ("synchronous_commit", "on"),
            // Whoever hangs, or was cut off from the server, does not hold others up for ever.
            ("idle_in_transaction_session_timeout", "60s"),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
            ("client_min_messages", "warning"),
        ]);
        Ok(Self { options, schema })
    }

    /// For whoever writes.
    pub(super) fn to_write(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// For whoever reads.
    pub(super) fn to_read(&self) -> PgConnectOptions {
        self.options.clone().options([("default_transaction_read_only", "on")])
    }

    /// Number of the lock that whoever writes some tables holds, the same in every program.
    pub(super) fn lock(&self, tables: &str) -> i64 {
        let hash = hash_bytes(format!("endcap {} {tables}", self.schema).as_bytes());
        i64::from_str_radix(&hash.as_str()[..15], 16).expect("Invariant: a hash is hexadecimal")
    }
}
