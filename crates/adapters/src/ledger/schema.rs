//! Tables of the ledger. Records and checkpoints are only ever added: the database refuses anything else, so that a slip
//! in a program or at a prompt is no rewriting. (Whoever can drop a trigger is found by the chain and by witnesses.)

use super::LedgerError;
use sqlx::sqlite::SqlitePool;

/// What each version adds. A version that was released is never changed, only followed by another.
const VERSIONS: &[&str] = &[
    "
create table record (
    sequence integer primary key,
    content  text not null
) strict;
create trigger record_in_order before insert on record
when new.sequence <> (select coalesce(max(sequence), 0) + 1 from record)
begin select raise(abort, 'records are numbered without a gap'); end;
create trigger record_stays before update on record
begin select raise(abort, 'the audit trail is only added to'); end;
create trigger record_is_kept before delete on record
begin select raise(abort, 'the audit trail is only added to'); end;

create table tip (
    id    integer primary key check (id = 0),
    size  integer not null,
    last  text not null,
    peaks text not null
) strict;

create table checkpoint (
    id   integer primary key autoincrement,
    size integer not null,
    note text not null,
    at   text not null
) strict;
create index checkpoint_size on checkpoint (size);
create trigger checkpoint_stays before update on checkpoint
begin select raise(abort, 'checkpoints are only added to'); end;
create trigger checkpoint_is_kept before delete on checkpoint
begin select raise(abort, 'checkpoints are only added to'); end;

create table opening (
    commitment text primary key,
    salt       text not null,
    value      text not null
) strict, without rowid;
create index opening_value on opening (value);
",
    "
create table request (
    number  integer primary key autoincrement,
    id      text not null unique,
    record  integer not null unique references record (sequence),
    content text not null
) strict;
create table answer (
    request text not null,
    place   integer not null,
    record  integer not null unique references record (sequence),
    content text not null,
    primary key (request, place)
) strict;
create table used (
    nonce   text primary key,
    request text not null unique,
    effect  text not null,
    journal integer not null,
    at      text not null,
    record  integer not null unique references record (sequence)
) strict;
create table stand_in (
    id      integer primary key autoincrement,
    content text not null
) strict;
create table glass (
    id      integer primary key autoincrement,
    nonce   text not null unique,
    content text not null
) strict;
create table glass_signature (
    id      integer primary key autoincrement,
    nonce   text not null,
    content text not null
) strict;
create trigger request_stays before update on request
begin select raise(abort, 'requests are only added to'); end;
create trigger request_is_kept before delete on request
begin select raise(abort, 'requests are only added to'); end;
create trigger answer_stays before update on answer
begin select raise(abort, 'answers are only added to'); end;
create trigger answer_is_kept before delete on answer
begin select raise(abort, 'answers are only added to'); end;
create trigger used_stays before update on used
begin select raise(abort, 'what was used stays used'); end;
create trigger used_is_kept before delete on used
begin select raise(abort, 'what was used stays used'); end;
create index record_approval on record (case when json_valid(content) then content ->> 'subject' end)
where instr(content, '\"action\":\"approval: ') > 0;
",
];

/// Brings the ledger to the newest version, all or nothing.
pub async fn bring_up(writer: &SqlitePool) -> Result<(), LedgerError> {
    let newer = |reason| LedgerError::Unreadable { what: "the tables of a newer program", reason };
    crate::versions::bring_up(writer, VERSIONS).await?.map_err(newer)
}
