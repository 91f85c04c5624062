//! How people and programs are let in: sessions and tokens, by the hash of what they show.

use super::accounts::{account, roles_text};
use super::{Account, Desk, DeskError, from_json};
use endcap_govern::Role;
use jiff::Timestamp;
use sqlx::Row;

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub account: Account,
    /// What requests that change something must show beside the cookie.
    pub csrf: String,
    /// When the person signed in.
    pub since: Timestamp,
}

/// A token of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Number.
    pub id: i64,
    /// Whose.
    pub account: String,
    /// What it is for.
    pub name: String,
    /// Roles that it has, where its account still has them.
    pub roles: Vec<Role>,
    /// When it was made.
    pub created: String,
    /// When it ends.
    pub expires: String,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// A token to make.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// Number of the account.
    pub account: i64,
    /// What it is for.
    pub name: &'a str,
    /// Hash of its value.
    pub hash: &'a str,
    /// Roles that it has.
    pub roles: &'a [Role],
    /// When it ends.
    pub expires: Timestamp,
}

impl Desk {
    /// Opens a session, and forgets those that have ended.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn open_session(
        &self,
        (hash, csrf): (&str, &str),
        account: i64,
        (now, expires): (Timestamp, Timestamp),
    ) -> Result<(), DeskError> {
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        sqlx::query("delete from session where expires <= ?").bind(moment(now)).execute(&mut *transaction).await?;
        sqlx::query("insert into session (hash, account, csrf, created, expires) values (?, ?, ?, ?, ?)")
            .bind(hash)
            .bind(account)
            .bind(csrf)
            .bind(moment(now))
            .bind(moment(expires))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Returns the session of a hash, unless it has ended or its account is kept out.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be read.
    pub async fn session(&self, hash: &str, now: Timestamp) -> Result<Option<Session>, DeskError> {
        let row = sqlx::query(
            "select a.id, a.name, a.roles, a.password, a.subject, a.disabled, s.csrf, s.created as since from session s join account a \
             on a.id = s.account where s.hash = ? and s.expires > ? and a.disabled = 0",
        )
        .bind(hash)
        .bind(moment(now))
        .fetch_optional(&self.readers)
        .await?;
        let since = |row: &sqlx::sqlite::SqliteRow| -> Result<Timestamp, DeskError> {
            let unreadable =
                |error: jiff::Error| DeskError::Unreadable { what: "a session", reason: error.to_string() };
            row.try_get::<&str, _>("since")?.parse().map_err(unreadable)
        };
        let session = |row| Ok(Session { account: account(&row)?, csrf: row.try_get("csrf")?, since: since(&row)? });
        row.map(session).transpose()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn end_session(&self, hash: &str) -> Result<(), DeskError> {
        sqlx::query("delete from session where hash = ?").bind(hash).execute(&self.writer).await?;
        Ok(())
    }

    /// Makes a token and returns its number.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn add_token(&self, new: &NewToken<'_>, now: Timestamp) -> Result<i64, DeskError> {
        let added =
            sqlx::query("insert into token (account, name, hash, roles, created, expires) values (?, ?, ?, ?, ?, ?)")
                .bind(new.account)
                .bind(new.name)
                .bind(new.hash)
                .bind(roles_text(new.roles))
                .bind(moment(now))
                .bind(moment(new.expires))
                .execute(&self.writer)
                .await?;
        Ok(added.last_insert_rowid())
    }

    /// Returns the account behind a token, with the roles that both have; nothing where it has ended, was taken back or
    /// its account is kept out.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be read.
    pub async fn account_by_token(&self, hash: &str, now: Timestamp) -> Result<Option<Account>, DeskError> {
        let row = sqlx::query(
            "select a.id, a.name, a.roles, a.password, a.subject, a.disabled, t.roles as granted from token t \
             join account a on a.id = t.account \
             where t.hash = ? and t.expires > ? and t.revoked = 0 and a.disabled = 0",
        )
        .bind(hash)
        .bind(moment(now))
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let granted: Vec<Role> = from_json("roles", row.try_get("granted")?)?;
        let mut account = account(&row)?;
        account.roles.retain(|role| granted.contains(role));
        Ok(Some(account))
    }

    /// Returns the tokens of an account, newest first; of all accounts where none is named.
    ///
    /// # Errors
    /// [`DeskError`] when they cannot be read.
    pub async fn tokens(&self, account: Option<i64>) -> Result<Vec<Token>, DeskError> {
        let rows = sqlx::query(
            "select t.id, a.name as account, t.name, t.roles, t.created, t.expires, t.revoked from token t \
             join account a on a.id = t.account where ?1 is null or t.account = ?1 order by t.id desc",
        )
        .bind(account)
        .fetch_all(&self.readers)
        .await?;
        let token = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Token {
                id: row.try_get("id")?,
                account: row.try_get("account")?,
                name: row.try_get("name")?,
                roles: from_json("roles", row.try_get("roles")?)?,
                created: row.try_get("created")?,
                expires: row.try_get("expires")?,
                revoked: row.try_get("revoked")?,
            })
        };
        rows.iter().map(token).collect()
    }

    /// Takes a token back; says whether there is one, of that account where one is named.
    ///
    /// # Errors
    /// [`DeskError`] when it cannot be written.
    pub async fn revoke_token(&self, id: i64, account: Option<i64>) -> Result<bool, DeskError> {
        let changed = sqlx::query("update token set revoked = 1 where id = ?1 and (?2 is null or account = ?2)")
            .bind(id)
            .bind(account)
            .execute(&self.writer)
            .await?;
        Ok(changed.rows_affected() == 1)
    }
}

/// A moment in a form that sorts as time does.
fn moment(at: Timestamp) -> String {
    format!("{at:.6}")
}
