//! Keys that people sign approvals with, and who may sign by the accounts and roles of the day.
//!
//! The desk makes a key for an account when it first signs there and keeps it here, apart from the keys of the audit trail,
//! which it never has. Of a key that a person keeps in a file of their own it knows the public half.

use super::{Account, Desk, DeskError};
use endcap_govern::approval::{ApprovalKey, Person, PublicApprovalKey};
use endcap_govern::audit::SecretText;
use jiff::Timestamp;
use sqlx::Row;
use std::collections::BTreeMap;

/// Names of the demo's accounts begin so; they have no password and are people all the same.
pub const DEMO: &str = "demo-";

impl Desk {
    /// The key with which the desk signs for an account, and whether it was made just now; `seed` gives 32 random bytes.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be read or kept.
    pub async fn approval_key(
        &self,
        account: &Account,
        seed: fn() -> [u8; 32],
        now: Timestamp,
    ) -> Result<(ApprovalKey, bool), DeskError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let kept = sqlx::query(
            "select secret from approval_key where account = ? and secret is not null and revoked = 0 order by id desc",
        )
        .bind(account.id)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(row) = kept {
            let text = SecretText::new(row.try_get::<String, _>(0)?.into_bytes());
            return Ok((ApprovalKey::from_file(&text).map_err(unreadable)?, false));
        }
        let key = ApprovalKey::new(&account.name, &seed());
        let secret = key.to_file();
        sqlx::query("insert into approval_key (account, public, secret, created) values (?, ?, ?, ?)")
            .bind(account.id)
            .bind(key.public().to_string())
            .bind(std::str::from_utf8(secret.expose()).map_err(unreadable)?)
            .bind(now.to_string())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok((key, true))
    }

    /// Takes the public half of a key that a person keeps; with `only`, what was signed with the person's other keys no
    /// longer counts.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be kept.
    pub async fn add_approval_key(
        &self,
        account: &Account,
        key: &PublicApprovalKey,
        only: bool,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        if only {
            sqlx::query("update approval_key set revoked = 1 where account = ?")
                .bind(account.id)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("insert into approval_key (account, public, created) values (?, ?, ?)")
            .bind(account.id)
            .bind(key.to_string())
            .bind(now.to_string())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Everybody who could sign now: accounts that are not kept out, with their roles and keys. An account that nobody signs
    /// in to is a program's.
    ///
    /// # Errors
    /// [`DeskError`] when they cannot be read.
    pub async fn people(&self) -> Result<BTreeMap<String, Person>, DeskError> {
        let rows = sqlx::query("select account, public from approval_key where revoked = 0 order by id")
            .fetch_all(&self.readers)
            .await?;
        let mut keys: BTreeMap<i64, Vec<_>> = BTreeMap::new();
        for row in &rows {
            let key: PublicApprovalKey = row.try_get::<&str, _>(1)?.parse().map_err(unreadable)?;
            keys.entry(row.try_get(0)?).or_default().push(key.verifying());
        }
        let person = |account: Account| {
            let human = account.password.is_some() || account.subject.is_some() || account.name.starts_with(DEMO);
            let keys = keys.remove(&account.id).unwrap_or_default();
            (account.name, Person { roles: account.roles, human, keys })
        };
        let accounts = self.accounts().await?.into_iter().filter(|account| !account.disabled);
        Ok(accounts.map(person).collect())
    }
}

fn unreadable(error: impl std::fmt::Display) -> DeskError {
    DeskError::Unreadable { what: "an approval key", reason: error.to_string() }
}
