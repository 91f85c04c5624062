//! Erasing a person: the account stays as a number, so that boards have an owner; nothing in it says whose it was.

use super::{Desk, DeskError};
use sqlx::Row;

impl Desk {
    /// Takes name, password, subject, sessions, tokens and keys from an account and keeps it out for good. False where there is no
    /// such account.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be kept; then nothing is changed.
    pub async fn erase_account(&self, name: &str) -> Result<bool, DeskError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let row = sqlx::query("select id, name from account where name = $1")
            .bind(name)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(false) };
        let (id, spelled): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        for statement in [
            "delete from session where account = $1",
            "delete from token where account = $1",
            "delete from approval_key where account = $1",
            "delete from reply where account = $1",
        ] {
            sqlx::query(statement).bind(id).execute(&mut *transaction).await?;
        }
        // What was answered to others may name the person.
        sqlx::query("delete from reply where body is not null and instr(cast(body as text), $1) > 0")
            .bind(&spelled)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "update account set name = $1, roles = '[]', password = null, subject = null, disabled = 1 where id = $2",
        )
        .bind(format!("erased-{id}"))
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        // Nothing lingers in the write-ahead log either.
        sqlx::query("pragma wal_checkpoint(truncate)").execute(&self.writer).await?;
        Ok(true)
    }
}
