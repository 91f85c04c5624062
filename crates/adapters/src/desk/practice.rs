//! What people practise: worlds that they play and drills that they take. What one holds is the sandbox's or the drill's to
//! say; here it is a text with a version, its owner's alone.

use super::{Desk, DeskError, Stored};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// An exercise as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exercise {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// 1 when new, one more with each change.
    pub version: i64,
    /// What was done in it.
    pub content: String,
    /// What it came to; nothing while it is under way.
    pub result: Option<String>,
    /// When it was begun.
    pub created: String,
    /// When it was changed last.
    pub changed: String,
}

impl Desk {
    /// Begins an exercise.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn add_exercise(
        &self,
        id: &str,
        account: i64,
        (kind, content): (&str, &str),
        now: Timestamp,
    ) -> Result<(), DeskError> {
        sqlx::query(
            "insert into exercise (id, account, kind, version, content, created, changed) \
             values (?1, ?2, ?3, 1, ?4, ?5, ?5)",
        )
        .bind(id)
        .bind(account)
        .bind(kind)
        .bind(content)
        .bind(now.to_string())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Returns an exercise of an account.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be read.
    pub async fn exercise(&self, id: &str, account: i64, kind: &str) -> Result<Option<Exercise>, DeskError> {
        let row = sqlx::query("select * from exercise where id = ? and account = ? and kind = ?")
            .bind(id)
            .bind(account)
            .bind(kind)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(exercise).transpose()
    }

    /// Returns the exercises of an account and kind, the latest first.
    ///
    /// # Errors
    /// [`DeskError`] when they cannot be read.
    pub async fn exercises(&self, account: i64, kind: &str) -> Result<Vec<Exercise>, DeskError> {
        let rows = sqlx::query("select * from exercise where account = ? and kind = ? order by created desc, id")
            .bind(account)
            .bind(kind)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(exercise).collect()
    }

    /// Puts a new content, and what it came to, on an exercise that is still at `version`.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn change_exercise(
        &self,
        (id, version): (&str, i64),
        content: &str,
        result: Option<&str>,
        now: Timestamp,
    ) -> Result<Stored, DeskError> {
        let changed = sqlx::query(
            "update exercise set version = version + 1, content = ?, result = ?, changed = ? where id = ? and version = ?",
        )
        .bind(content)
        .bind(result)
        .bind(now.to_string())
        .bind(id)
        .bind(version)
        .execute(&self.writer)
        .await?;
        if changed.rows_affected() == 1 {
            return Ok(Stored::Kept(version + 1));
        }
        let at: Option<(i64,)> =
            sqlx::query_as("select version from exercise where id = ?").bind(id).fetch_optional(&self.readers).await?;
        Ok(at.map_or(Stored::Missing, |(at,)| Stored::Stale(at)))
    }
}

fn exercise(row: &SqliteRow) -> Result<Exercise, DeskError> {
    Ok(Exercise {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        version: row.try_get("version")?,
        content: row.try_get("content")?,
        result: row.try_get("result")?,
        created: row.try_get("created")?,
        changed: row.try_get("changed")?,
    })
}
