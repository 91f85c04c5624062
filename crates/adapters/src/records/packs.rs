//! Sales that are facts already, packed: every load still reads every sale, at a fraction of the room.
//!
//! A pack is a Parquet file `records/FIRST-LAST.parquet` with the sales of these numbers, in order. The database keeps, of
//! each packed sale, its id and a hash of what it said, so that a sale that is sent again is still known. A pack's file is
//! whole on disk before the one transaction that names it and lets its rows go: a stop at any point loses nothing and
//! counts nothing twice. Of the other kinds the database holds the latest record of a key only, and stays small by itself.

use super::{FILE_NAME, open_to_write};
use crate::tables::{self, Column};
use crate::{AdapterError, files, imports};
use endcap_model::{FactKind, hash_bytes};
use sqlx::{Connection, Row, SqliteConnection, SqliteTransaction};
use std::path::{Path, PathBuf};

/// Sales in a pack at most.
const MOST: i64 = 1 << 17;
/// Fewer sales are not worth a file.
const LEAST: usize = 1000;

pub(super) const TABLES: [&str; 2] = [
    "create table if not exists pack (first integer primary key, last integer not null) strict",
    "create table if not exists packed (id text primary key, said text not null) strict, without rowid",
];

/// What packing came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Sales that were packed.
    pub sales: u64,
    /// Bytes of `records.db` and its packs before.
    pub before: u64,
    /// The same after.
    pub after: u64,
}

/// Packs the sales up to a number, which must be facts already, and gives the room back. The desk may run.
///
/// # Errors
/// [`AdapterError`] when the disk refuses, or another program packs at the same time; then what was packed until then
/// stays packed and nothing is lost.
pub fn pack(project: &Path, up_to: i64) -> Result<Packed, AdapterError> {
    let path = project.join(FILE_NAME);
    if !path.exists() {
        return Ok(Packed::default());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| AdapterError::system("write", &path, e))?;
    let broken = |error: sqlx::Error| {
        AdapterError::form(
            &path,
            format!("cannot be packed ({error})"),
            "a disk with room, and no other `endcap compact`",
        )
    };
    let before = size(project)?;
    let mut connection = runtime.block_on(open_to_write(&path)).map_err(broken)?;
    let mut sales = 0;
    loop {
        let rows = runtime.block_on(oldest(&mut connection, up_to)).map_err(broken)?;
        if rows.len() < LEAST {
            break;
        }
        let file = write(project, &rows)?;
        sales += rows.len() as u64;
        runtime.block_on(let_go(&mut connection, &file, &rows)).map_err(broken)?;
    }
    runtime.block_on(shrink(connection)).map_err(broken)?;
    Ok(Packed { sales, before, after: size(project)? })
}

/// A sale in the database.
struct Sale {
    sequence: i64,
    id: String,
    content: String,
}

/// What a packed sale said, in short.
pub(super) fn said(content: &str) -> String {
    hash_bytes(content.as_bytes()).short().to_owned()
}

pub(super) fn file(project: &Path, (first, last): (i64, i64)) -> PathBuf {
    project.join("records").join(format!("{first}-{last}.parquet"))
}

/// First and last number of each pack, in order; none in a database that was never packed.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<(i64, i64)>, sqlx::Error> {
    let known = sqlx::query("select 1 from sqlite_master where name = 'pack'").fetch_optional(&mut *connection).await?;
    if known.is_none() {
        return Ok(vec![]);
    }
    let packs = sqlx::query("select first, last from pack order by first").fetch_all(connection).await?;
    packs.iter().map(|pack| Ok((pack.try_get(0)?, pack.try_get(1)?))).collect()
}

/// Numbers and contents of a pack.
pub(super) fn read(project: &Path, pack: (i64, i64)) -> Result<(Vec<i64>, Vec<String>), AdapterError> {
    let table = tables::read_table(&file(project, pack))?;
    Ok((table.wholes("sequence")?, table.text("content")?))
}

async fn oldest(connection: &mut SqliteConnection, up_to: i64) -> Result<Vec<Sale>, sqlx::Error> {
    let rows = sqlx::query(
        "select sequence, key, content from record where kind = ? and sequence <= ? order by sequence limit ?",
    )
    .bind(FactKind::Sales.name())
    .bind(up_to)
    .bind(MOST)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok(Sale { sequence: row.try_get(0)?, id: row.try_get(1)?, content: row.try_get(2)? }))
        .collect()
}

/// Writes a pack's file whole.
fn write(project: &Path, rows: &[Sale]) -> Result<PathBuf, AdapterError> {
    let path = file(project, (rows[0].sequence, rows[rows.len() - 1].sequence));
    let sequence = Column::Whole(rows.iter().map(|row| row.sequence).collect());
    let content = Column::Text(rows.iter().map(|row| row.content.clone()).collect());
    tables::write_parquet(&path, &[("sequence", sequence), ("content", content)])?;
    Ok(path)
}

/// Names a pack and lets its rows go, together.
async fn let_go(connection: &mut SqliteConnection, file: &Path, rows: &[Sale]) -> Result<(), sqlx::Error> {
    let span = (rows[0].sequence, rows[rows.len() - 1].sequence);
    let mut transaction = connection.begin_with("begin immediate").await?;
    sqlx::query("insert into pack (first, last) values (?, ?)")
        .bind(span.0)
        .bind(span.1)
        .execute(&mut *transaction)
        .await?;
    let ids: Vec<[String; 2]> = rows.iter().map(|row| [row.id.clone(), said(&row.content)]).collect();
    sqlx::query("insert into packed (id, said) select value ->> 0, value ->> 1 from json_each(?)")
        .bind(serde_json::to_value(ids).unwrap_or_default().to_string())
        .execute(&mut *transaction)
        .await?;
    let gone = sqlx::query("delete from record where kind = ? and sequence between ? and ?")
        .bind(FactKind::Sales.name())
        .bind(span.0)
        .bind(span.1)
        .execute(&mut *transaction)
        .await?;
    clear(&mut transaction, file).await?;
    // Another program has packed some of them meanwhile, or has taken the file for one of its own.
    if gone.rows_affected() != rows.len() as u64 || !file.exists() {
        return Err(sqlx::Error::RowNotFound);
    }
    transaction.commit().await
}

/// Removes files that a stop left and no pack names.
async fn clear(transaction: &mut SqliteTransaction<'_>, new: &Path) -> Result<(), sqlx::Error> {
    let home = files::folder_of(new);
    let named: Vec<PathBuf> =
        all(transaction).await?.into_iter().map(|pack| file(files::folder_of(home), pack)).collect();
    for name in imports::names(home).map_err(|error| sqlx::Error::Protocol(error.to_string()))? {
        let path = home.join(name);
        if !named.contains(&path) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Gives free room in the database back to the disk.
async fn shrink(mut connection: SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("vacuum").execute(&mut connection).await?;
    sqlx::query("pragma wal_checkpoint(truncate)").execute(&mut connection).await?;
    connection.close().await
}

fn size(project: &Path) -> Result<u64, AdapterError> {
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    let home = project.join("records");
    let packs: u64 = imports::names(&home)?.iter().map(|name| bytes(&home.join(name))).sum();
    Ok(packs + bytes(&project.join(FILE_NAME)) + bytes(&project.join(format!("{FILE_NAME}-wal"))))
}

#[cfg(test)]
mod tests {
    use super::super::{Kept, Reader, Record, Records};
    use super::*;

    fn sales(from: usize, to: usize) -> Vec<Record> {
        let content = |id: usize| {
            format!(
                "{{\"sku\":\"191\",\"place\":\"5\",\"period\":\"2024-06-26\",\"units\":\"{}\",\"price\":\"4.5\",\"line\":\"{id}\"}}",
                id % 9
            )
        };
        (from..to).map(|id| Record { key: id.to_string(), content: content(id) }).collect()
    }

    /// Numbers of the sales that a load reads between two numbers.
    fn loaded(project: &Path, span: (i64, i64)) -> Vec<u64> {
        let mut found = vec![];
        let mut reader = Reader::open(project).unwrap().unwrap();
        let any = reader.any(FactKind::Sales, span).unwrap();
        reader
            .each(FactKind::Sales, span, &mut |rows, columns| {
                assert!(columns.iter().all(|column| column.values.as_ref().is_none_or(|of| of.len() == rows.len())));
                found.extend_from_slice(rows);
                Ok(())
            })
            .unwrap();
        assert_eq!(any, !found.is_empty());
        found
    }

    fn within<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    async fn keep(records: &Records, batch: Vec<Record>) -> Vec<Kept> {
        records.keep(FactKind::Sales, batch, "2026-03-01T12:00:00Z".parse().unwrap()).await.unwrap()
    }

    #[test]
    fn packed_sales_are_loaded_as_before_known_as_before_and_take_less_room() {
        let project = tempfile::tempdir().unwrap();
        within(async {
            let records = Records::open(project.path()).await.unwrap();
            keep(&records, sales(0, 5000)).await;
        });
        let all = loaded(project.path(), (0, i64::MAX));
        std::fs::create_dir_all(project.path().join("records")).unwrap();
        std::fs::write(project.path().join("records/1-17.parquet"), "left by a stop").unwrap();
        let packed = pack(project.path(), 4000).unwrap();
        assert_eq!(packed.sales, 4000);
        assert!(packed.after * 2 < packed.before, "{packed:?}");
        assert_eq!(std::fs::read_dir(project.path().join("records")).unwrap().count(), 1);
        assert_eq!(loaded(project.path(), (0, i64::MAX)), all);
        assert_eq!(loaded(project.path(), (1999, 4500)), all[1999..4500]);
        assert_eq!(loaded(project.path(), (5000, i64::MAX)), [0; 0]);
        within(async {
            let records = Records::open(project.path()).await.unwrap();
            let other = Record { content: "{}".to_owned(), ..sales(7, 8).remove(0) };
            let again = keep(&records, [sales(7, 8), vec![other], sales(4999, 5001)].concat()).await;
            assert_eq!(again, [Kept::Repeated, Kept::Other, Kept::Repeated, Kept::New]);
            assert_eq!(records.last().await.unwrap(), 5001);
        });
        assert_eq!(pack(project.path(), 4000).unwrap().sales, 0);
        assert_eq!(pack(project.path(), 5001).unwrap().sales, 1001);
        assert_eq!(loaded(project.path(), (0, i64::MAX)).len(), 5001);
        within(async {
            let records = Records::open(project.path()).await.unwrap();
            assert_eq!(records.last().await.unwrap(), 5001, "numbers go on where they were");
        });
    }

    #[test]
    fn a_pack_of_rows_that_another_program_has_packed_is_not_named() {
        let project = tempfile::tempdir().unwrap();
        within(async {
            let records = Records::open(project.path()).await.unwrap();
            keep(&records, sales(0, 2000)).await;
            let mut connection = open_to_write(&project.path().join(FILE_NAME)).await.unwrap();
            let rows = oldest(&mut connection, 1500).await.unwrap();
            let early = write(project.path(), &rows).unwrap();
            let more = oldest(&mut connection, 2000).await.unwrap();
            let_go(&mut connection, &early, &rows).await.unwrap();
            let late = write(project.path(), &more).unwrap();
            assert!(let_go(&mut connection, &late, &more).await.is_err());
        });
        assert_eq!(loaded(project.path(), (0, i64::MAX)).len(), 2000);
    }
}
