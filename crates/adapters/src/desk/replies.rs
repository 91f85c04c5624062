//! Answers to requests that name themselves (`Idempotency-Key`), so that a repetition changes nothing again.

use super::{Desk, DeskError};
use jiff::Timestamp;
use sqlx::Row;

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers that count, as JSON.
    pub headers: String,
    /// Body.
    pub body: Vec<u8>,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing: the request is to be done now.
    First,
    /// The same request was answered.
    Answered(Reply),
    /// The same request is being done.
    Running,
    /// Another request had the key.
    Other,
}

impl Desk {
    /// Takes a key for a request, or says what became of it.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn take_key(&self, account: i64, key: &str, request: &str, now: Timestamp) -> Result<Seen, DeskError> {
        let taken =
            sqlx::query("insert into reply (account, key, request, at) values (?, ?, ?, ?) on conflict do nothing")
                .bind(account)
                .bind(key)
                .bind(request)
                .bind(now.to_string())
                .execute(&self.writer)
                .await?;
        if taken.rows_affected() == 1 {
            return Ok(Seen::First);
        }
        let row = sqlx::query("select request, status, headers, body from reply where account = ? and key = ?")
            .bind(account)
            .bind(key)
            .fetch_one(&self.readers)
            .await?;
        if row.try_get::<String, _>("request")? != request {
            return Ok(Seen::Other);
        }
        let Some(status) = row.try_get::<Option<u16>, _>("status")? else { return Ok(Seen::Running) };
        Ok(Seen::Answered(Reply { status, headers: row.try_get("headers")?, body: row.try_get("body")? }))
    }

    /// Keeps the answer to a key.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn keep_reply(&self, account: i64, key: &str, reply: &Reply) -> Result<(), DeskError> {
        sqlx::query("update reply set status = ?, headers = ?, body = ? where account = ? and key = ?")
            .bind(reply.status)
            .bind(&reply.headers)
            .bind(&reply.body)
            .bind(account)
            .bind(key)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Lets a key go again: the request broke and left nothing.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn let_key_go(&self, account: i64, key: &str) -> Result<(), DeskError> {
        sqlx::query("delete from reply where account = ? and key = ? and status is null")
            .bind(account)
            .bind(key)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Lets go of the keys of requests that a stop cut off, so that they can be repeated.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn forget_unanswered(&self) -> Result<(), DeskError> {
        sqlx::query("delete from reply where status is null").execute(&self.writer).await?;
        Ok(())
    }

    /// Forgets answers given before a moment.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn forget_replies(&self, before: Timestamp) -> Result<(), DeskError> {
        sqlx::query("delete from reply where at < ?").bind(before.to_string()).execute(&self.writer).await?;
        Ok(())
    }
}
