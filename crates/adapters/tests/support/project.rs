//! Projects whose rows lie in SQLite or in PostgreSQL: each test takes one, and is run with either.

use super::server::{self, Server};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs tests that take a [`Project`] once for each database: `NAME::in_files` and `NAME::in_postgres`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$attribute:meta])* $name:ident,)*) => {$(
        mod $name {
            #[test]
            $(#[$attribute])*
            fn in_files() {
                super::$name(super::Project::in_files());
            }

            #[test]
            $(#[$attribute])*
            fn in_postgres() {
                if let Some(project) = super::Project::in_postgres() {
                    super::$name(project);
                }
            }
        }
    )*};
}

/// A project's folder, empty but for what says where its rows lie.
pub struct Project {
    folder: tempfile::TempDir,
    schema: Option<(Arc<Server>, String)>,
}

impl Project {
    /// A project whose rows lie in files.
    pub fn in_files() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), schema: None }
    }

    /// A project whose rows lie in a schema of its own; nothing where there is no PostgreSQL.
    pub fn in_postgres() -> Option<Self> {
        Some(Self::on(server::shared()?))
    }

    /// A project on a server.
    pub fn on(server: Arc<Server>) -> Self {
        let (folder, schema) = (tempfile::tempdir().unwrap(), server::new_schema());
        server.is_home_of(folder.path(), &schema);
        Self { folder, schema: Some((server, schema)) }
    }

    /// Another one of the same kind.
    pub fn another(&self) -> Self {
        self.schema.as_ref().map_or_else(Self::in_files, |(server, _)| Self::on(server.clone()))
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where a database of it lies, or would lie.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Whether its rows lie in files.
    pub fn is_in_files(&self) -> bool {
        self.schema.is_none()
    }

    /// What tells in a message which kind it is.
    pub fn kind(&self) -> &'static str {
        if self.is_in_files() { "SQLite" } else { "PostgreSQL" }
    }

    /// A connection of somebody at a prompt.
    pub async fn prompt(&self) -> Option<PgConnection> {
        let (server, schema) = self.schema.as_ref()?;
        let options: sqlx::postgres::PgConnectOptions = server.url().parse().unwrap();
        Some(options.options([("search_path", schema)]).connect().await.unwrap())
    }

    /// Statements of somebody at a prompt, on a database of the project.
    pub async fn by_hand(&self, file: &str, statements: &str) -> Result<(), sqlx::Error> {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        match self.prompt().await {
            Some(mut connection) => statements.execute(&mut connection).await.map(|_| ()),
            None => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file(file));
                let mut connection = options.connect().await?;
                let done = statements.execute(&mut connection).await.map(|_| ());
                connection.close().await?;
                done
            }
        }
    }

    /// Takes the guards of tables away, as whoever owns the database can.
    pub async fn unguard(&self, file: &str, tables: &[&str]) {
        for table in tables {
            let statements = if self.is_in_files() {
                ["stays", "is_kept"].map(|end| format!("drop trigger if exists {table}_{end};")).concat()
            } else {
                format!("alter table {table} disable trigger user")
            };
            self.by_hand(file, &statements).await.unwrap();
        }
    }

    /// A text that a statement of somebody at a prompt answers with.
    pub async fn text(&self, file: &str, statement: &'static str) -> String {
        match self.prompt().await {
            Some(mut connection) => sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap(),
            None => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file(file));
                let mut connection = options.connect().await.unwrap();
                let text = sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                text
            }
        }
    }

    /// How often a text occurs on disk: in the files of the folder, or in those of the schema's tables and indexes.
    pub async fn traces(&self, value: &str) -> usize {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.path())
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        if let (Some((server, _)), Some(mut connection)) = (&self.schema, self.prompt().await) {
            sqlx::query("checkpoint").execute(&mut connection).await.unwrap();
            let all = "select pg_relation_filepath(oid) from pg_class
                       where relnamespace = current_schema()::regnamespace and relkind in ('r', 'i')";
            let all: Vec<String> = sqlx::query_scalar(all).fetch_all(&mut connection).await.unwrap();
            files.extend(all.into_iter().map(|path| server.data().join(path)));
        }
        let bytes = value.as_bytes();
        let of =
            |path: PathBuf| std::fs::read(path).unwrap().windows(bytes.len()).filter(|part| *part == bytes).count();
        files.into_iter().map(of).sum()
    }
}
