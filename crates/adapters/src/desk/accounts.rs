//! Accounts of people and programs.

use super::{Desk, DeskError, from_json, taken};
use endcap_govern::Role;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Number, never used again.
    pub id: i64,
    /// Name, unique without regard to case.
    pub name: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// Hash of the password, with its parameters; nothing for those who sign in elsewhere.
    pub password: Option<String>,
    /// Issuer and subject at the provider where they sign in.
    pub subject: Option<String>,
    /// Whether they are kept out.
    pub disabled: bool,
}

/// An account to make.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// As [`Account::name`].
    pub name: String,
    /// As [`Account::roles`].
    pub roles: Vec<Role>,
    /// As [`Account::password`].
    pub password: Option<String>,
    /// As [`Account::subject`].
    pub subject: Option<String>,
}

impl Desk {
    /// Makes an account and returns its number.
    ///
    /// # Errors
    /// [`DeskError::Taken`] when the name or the subject has one.
    pub async fn add_account(&self, new: &NewAccount, now: Timestamp) -> Result<i64, DeskError> {
        let added = sqlx::query("insert into account (name, roles, password, subject, created) values (?, ?, ?, ?, ?)")
            .bind(&new.name)
            .bind(roles_text(&new.roles))
            .bind(&new.password)
            .bind(&new.subject)
            .bind(now.to_string())
            .execute(&self.writer)
            .await;
        match added {
            Err(error) if taken(&error) => Err(DeskError::Taken { name: new.name.clone() }),
            added => Ok(added?.last_insert_rowid()),
        }
    }

    /// Returns all accounts by name.
    ///
    /// # Errors
    /// [`DeskError`] when they cannot be read.
    pub async fn accounts(&self) -> Result<Vec<Account>, DeskError> {
        let rows = sqlx::query("select * from account order by name").fetch_all(&self.readers).await?;
        rows.iter().map(account).collect()
    }

    /// Returns the account of a name.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be read.
    pub async fn account_by_name(&self, name: &str) -> Result<Option<Account>, DeskError> {
        let row = sqlx::query("select * from account where name = ?").bind(name).fetch_optional(&self.readers).await?;
        row.as_ref().map(account).transpose()
    }

    /// Returns the account of a subject at a provider.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be read.
    pub async fn account_by_subject(&self, subject: &str) -> Result<Option<Account>, DeskError> {
        let row =
            sqlx::query("select * from account where subject = ?").bind(subject).fetch_optional(&self.readers).await?;
        row.as_ref().map(account).transpose()
    }

    /// Changes what an account may do and whether it is kept out, and ends its sessions; says whether there is one.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn change_account(&self, name: &str, roles: &[Role], disabled: bool) -> Result<bool, DeskError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let changed = sqlx::query("update account set roles = ?, disabled = ? where name = ?")
            .bind(roles_text(roles))
            .bind(disabled)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        end_sessions(&mut transaction, name).await?;
        transaction.commit().await?;
        Ok(changed.rows_affected() == 1)
    }

    /// Gives an account the roles that a provider says it has, and ends its sessions.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn give_roles(&self, account: i64, roles: &[Role]) -> Result<(), DeskError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        sqlx::query("update account set roles = ? where id = ?")
            .bind(roles_text(roles))
            .bind(account)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("delete from session where account = ?").bind(account).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Lets whoever has a subject at a provider sign in to an account; says whether there is such an account.
    ///
    /// # Errors
    /// [`DeskError::Taken`] when another account has the subject.
    pub async fn link_account(&self, name: &str, subject: &str) -> Result<bool, DeskError> {
        let linked = sqlx::query("update account set subject = ? where name = ?")
            .bind(subject)
            .bind(name)
            .execute(&self.writer)
            .await;
        match linked {
            Err(error) if taken(&error) => Err(DeskError::Taken { name: subject.to_owned() }),
            linked => Ok(linked?.rows_affected() == 1),
        }
    }

    /// Sets a password by its hash and ends the account's sessions; says whether there is such an account.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn set_password(&self, name: &str, hash: &str) -> Result<bool, DeskError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let changed = sqlx::query("update account set password = ? where name = ?")
            .bind(hash)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        end_sessions(&mut transaction, name).await?;
        transaction.commit().await?;
        Ok(changed.rows_affected() == 1)
    }
}

async fn end_sessions(connection: &mut sqlx::SqliteConnection, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query("delete from session where account in (select id from account where name = ?)")
        .bind(name)
        .execute(connection)
        .await?;
    Ok(())
}

/// Reads an account from the columns of its table.
pub(super) fn account(row: &SqliteRow) -> Result<Account, DeskError> {
    Ok(Account {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        roles: from_json("roles", row.try_get("roles")?)?,
        password: row.try_get("password")?,
        subject: row.try_get("subject")?,
        disabled: row.try_get("disabled")?,
    })
}

pub(super) fn roles_text(roles: &[Role]) -> String {
    endcap_model::canonical_json(&roles)
}
