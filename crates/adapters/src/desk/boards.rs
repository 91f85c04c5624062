//! Boards: drafts of plans that people work on. What a board holds is the planner's to say; here it is a text with a
//! version, and each change keeps what was there before.

use super::{Desk, DeskError};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A board as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// Its id.
    pub id: String,
    /// Number of the account that made it.
    pub owner: i64,
    /// Name of that account.
    pub owner_name: String,
    /// 1 when new, one more with each change.
    pub version: i64,
    /// Whether everybody may see it.
    pub shared: bool,
    /// Name shown to people.
    pub name: String,
    /// What is on it.
    pub content: String,
    /// When it was made.
    pub created: String,
    /// When it was changed last.
    pub changed: String,
}

/// A board to make.
#[derive(Clone, Debug)]
pub struct NewBoard<'a> {
    /// Its id; the same id makes no second board.
    pub id: &'a str,
    /// Number of the account.
    pub owner: i64,
    /// Name shown to people.
    pub name: &'a str,
    /// What is on it.
    pub content: &'a str,
}

/// A change of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardEdit {
    /// The version that it made.
    pub version: i64,
    /// Who made it.
    pub account: String,
    /// When.
    pub at: String,
    /// What was done.
    pub edits: String,
    /// What was on the board before.
    pub before: String,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is kept, as this version.
    Kept(i64),
    /// Somebody else changed the board first; this is its version now.
    Stale(i64),
    /// There is no such board.
    Missing,
}

impl Desk {
    /// Makes a board, unless there is one of that id.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn add_board(&self, new: &NewBoard<'_>, now: Timestamp) -> Result<(), DeskError> {
        sqlx::query(
            "insert into board (id, owner, version, shared, name, content, created, changed) \
             values (?1, ?2, 1, 0, ?3, ?4, ?5, ?5) on conflict do nothing",
        )
        .bind(new.id)
        .bind(new.owner)
        .bind(new.name)
        .bind(new.content)
        .bind(now.to_string())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Returns a board that an account may see: its own, or one that is shared.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be read.
    pub async fn board(&self, id: &str, account: i64) -> Result<Option<Board>, DeskError> {
        let row = sqlx::query("select * from board_of where id = ? and (owner = ? or shared = 1)")
            .bind(id)
            .bind(account)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(board).transpose()
    }

    /// Returns up to `limit` boards that an account may see, by id, after the given one.
    ///
    /// # Errors
    /// [`DeskError`] when they cannot be read.
    pub async fn boards(&self, account: i64, after: &str, limit: u32) -> Result<Vec<Board>, DeskError> {
        let rows = sqlx::query("select * from board_of where (owner = ? or shared = 1) and id > ? order by id limit ?")
            .bind(account)
            .bind(after)
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(board).collect()
    }

    /// Puts a new content on a board that is still at `version`, and keeps what was there.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn change_board(
        &self,
        (id, version): (&str, i64),
        account: i64,
        (edits, content): (&str, &str),
        now: Timestamp,
    ) -> Result<Stored, DeskError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let row = sqlx::query("select version, content from board where id = ? and archived = 0")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(Stored::Missing) };
        let (at, before): (i64, String) = (row.try_get("version")?, row.try_get("content")?);
        if at != version {
            return Ok(Stored::Stale(at));
        }
        let now = now.to_string();
        sqlx::query("insert into board_edit (board, version, account, at, edits, before) values (?, ?, ?, ?, ?, ?)")
            .bind(id)
            .bind(version + 1)
            .bind(account)
            .bind(&now)
            .bind(edits)
            .bind(before)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("update board set version = ?, content = ?, changed = ? where id = ?")
            .bind(version + 1)
            .bind(content)
            .bind(&now)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Stored::Kept(version + 1))
    }

    /// Names, shares or archives a board that is still at `version`.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn label_board(
        &self,
        (id, version): (&str, i64),
        (name, shared, archived): (&str, bool, bool),
        now: Timestamp,
    ) -> Result<Stored, DeskError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let at: Option<(i64,)> = sqlx::query_as("select version from board where id = ? and archived = 0")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        match at {
            None => return Ok(Stored::Missing),
            Some((at,)) if at != version => return Ok(Stored::Stale(at)),
            Some(_) => {}
        }
        sqlx::query("update board set version = ?, name = ?, shared = ?, archived = ?, changed = ? where id = ?")
            .bind(version + 1)
            .bind(name)
            .bind(shared)
            .bind(archived)
            .bind(now.to_string())
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Stored::Kept(version + 1))
    }

    /// Returns the latest changes of a board, newest first.
    ///
    /// # Errors
    /// [`DeskError`] when they cannot be read.
    pub async fn board_history(&self, id: &str, limit: u32) -> Result<Vec<BoardEdit>, DeskError> {
        let rows = sqlx::query(
            "select e.version, a.name as account, e.at, e.edits, e.before from board_edit e \
             join account a on a.id = e.account where e.board = ? order by e.version desc limit ?",
        )
        .bind(id)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let edit = |row: &SqliteRow| {
            Ok(BoardEdit {
                version: row.try_get("version")?,
                account: row.try_get("account")?,
                at: row.try_get("at")?,
                edits: row.try_get("edits")?,
                before: row.try_get("before")?,
            })
        };
        rows.iter().map(edit).collect()
    }
}

fn board(row: &SqliteRow) -> Result<Board, DeskError> {
    Ok(Board {
        id: row.try_get("id")?,
        owner: row.try_get("owner")?,
        owner_name: row.try_get("owner_name")?,
        version: row.try_get("version")?,
        shared: row.try_get("shared")?,
        name: row.try_get("name")?,
        content: row.try_get("content")?,
        created: row.try_get("created")?,
        changed: row.try_get("changed")?,
    })
}
