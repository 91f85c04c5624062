//! Keys that people sign approvals with, and who may sign by the accounts and roles of the day.
//!
//! The desk makes a key for an account when it first signs there and keeps it here under a seal ([`super::seal`]), apart from the
//! keys of the audit trail, which it never has. Of a key that a person keeps in a file of their own it knows the public half.

use super::seal::{Seal, file_of};
use super::{Account, Desk, DeskError};
use endcap_govern::approval::{ApprovalKey, Person, PublicApprovalKey};
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};
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
        let seal = Seal::open(&file_of(&self.file), seed)?;
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        seal_all(&mut transaction, &seal, seed).await?;
        let kept = sqlx::query(
            "select secret, public from approval_key where account = $1 and secret is not null and revoked = 0 \
             order by id desc",
        )
        .bind(account.id)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(row) = kept {
            // Where the seal was lost the person gets another key; what was signed with this one still holds.
            let (secret, public): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            if let Some(text) = seal.reveal(&secret, &whose(account.id, &public)) {
                transaction.commit().await?;
                return Ok((ApprovalKey::from_file(&text).map_err(unreadable)?, false));
            }
        }
        let key = ApprovalKey::new(&account.name, &seed());
        let public = key.public().to_string();
        sqlx::query("insert into approval_key (account, public, secret, created) values ($1, $2, $3, $4)")
            .bind(account.id)
            .bind(&public)
            .bind(seal.close(&key.to_file(), &whose(account.id, &public), seed))
            .bind(now.to_string())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok((key, true))
    }

    /// Seals every key that the desk keeps anew, under a new key of the seal, and forgets the old ones. Returns how many.
    ///
    /// # Errors
    /// [`DeskError`] when the file of the seal or the store cannot be written; then the old seal still opens.
    pub async fn renew_seal(&self, random: fn() -> [u8; 32]) -> Result<usize, DeskError> {
        let path = file_of(&self.file);
        let seal = Seal::renew(&path, random)?;
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let sealed = seal_all(&mut transaction, &seal, random).await?;
        transaction.commit().await?;
        sqlx::query("pragma wal_checkpoint(truncate)").execute(&self.writer).await?;
        Seal::forget_old(&path)?;
        Ok(sealed)
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

/// Whose a key is: bound to its seal.
fn whose(account: i64, public: &str) -> String {
    format!("{account} {public}")
}

/// Seals whatever is not sealed with the first key of the seal; what no key opens stays as it is.
async fn seal_all(
    connection: &mut SqliteConnection,
    seal: &Seal,
    random: fn() -> [u8; 32],
) -> Result<usize, DeskError> {
    let rows = sqlx::query("select id, account, public, secret from approval_key where secret is not null")
        .fetch_all(&mut *connection)
        .await?;
    let mut sealed = 0;
    for row in &rows {
        let (id, account): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (public, secret): (String, String) = (row.try_get(2)?, row.try_get(3)?);
        let whose = whose(account, &public);
        if seal.is_current(&secret) {
            continue;
        }
        let Some(plain) = seal.reveal(&secret, &whose) else { continue };
        sqlx::query("update approval_key set secret = $1 where id = $2")
            .bind(seal.close(&plain, &whose, random))
            .bind(id)
            .execute(&mut *connection)
            .await?;
        sealed += 1;
    }
    Ok(sealed)
}

fn unreadable(error: impl std::fmt::Display) -> DeskError {
    DeskError::Unreadable { what: "an approval key", reason: error.to_string() }
}
