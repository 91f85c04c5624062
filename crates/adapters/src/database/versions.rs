//! Tables of a file, brought up one version at a time.

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqlitePool;

/// Brings a database to the newest version, all or nothing. A version that was released is never changed, only followed
/// by another. The inner error says that a newer program made the tables.
pub(crate) async fn bring_up(
    writer: &SqlitePool,
    versions: &[&'static str],
) -> Result<Result<(), String>, sqlx::Error> {
    let mut transaction = writer.begin_with("begin immediate").await?;
    let (at,): (i64,) = sqlx::query_as("pragma user_version").fetch_one(&mut *transaction).await?;
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    if at > versions.len() {
        return Ok(Err(newer(at, versions)));
    }
    for &version in &versions[at..] {
        sqlx::raw_sql(version).execute(&mut *transaction).await?;
    }
    sqlx::raw_sql(AssertSqlSafe(format!("pragma user_version = {}", versions.len())))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Ok(()))
}

/// Says that tables are of a program that is newer than this one.
pub(super) fn newer(at: usize, versions: &[&str]) -> String {
    format!("version {at}, this program knows {}", versions.len())
}
