//! The tables, brought up one version at a time.

use super::DeskError;
use sqlx::sqlite::SqlitePool;

/// What each version adds. A version that was released is never changed, only followed by another.
const VERSIONS: &[&str] = &[
    "
create table account (
    id       integer primary key,
    name     text not null unique collate nocase,
    roles    text not null,
    password text,
    subject  text unique,
    disabled integer not null default 0,
    created  text not null
) strict;
create table session (
    hash    text primary key,
    account integer not null references account (id),
    csrf    text not null,
    created text not null,
    expires text not null
) strict;
create index session_account on session (account);
create table token (
    id      integer primary key,
    account integer not null references account (id),
    name    text not null,
    hash    text not null unique,
    roles   text not null,
    created text not null,
    expires text not null,
    revoked integer not null default 0
) strict;
create table board (
    id       text primary key,
    owner    integer not null references account (id),
    version  integer not null,
    shared   integer not null,
    archived integer not null default 0,
    name     text not null,
    content  text not null,
    created  text not null,
    changed  text not null
) strict;
create view board_of as
    select b.*, a.name as owner_name from board b join account a on a.id = b.owner where b.archived = 0;
create table board_edit (
    board   text not null references board (id),
    version integer not null,
    account integer not null references account (id),
    at      text not null,
    edits   text not null,
    before  text not null,
    primary key (board, version)
) strict;
create table reply (
    account integer not null,
    key     text not null,
    request text not null,
    status  integer,
    headers text,
    body    blob,
    at      text not null,
    primary key (account, key)
) strict;
create index reply_at on reply (at);
",
    "
create table exercise (
    id      text primary key,
    account integer not null references account (id),
    kind    text not null,
    version integer not null,
    content text not null,
    result  text,
    created text not null,
    changed text not null
) strict;
create index exercise_account on exercise (account, kind, created);
",
    "
create table approval_key (
    id      integer primary key,
    account integer not null references account (id),
    public  text not null unique,
    secret  text,
    created text not null,
    revoked integer not null default 0
) strict;
create index approval_key_account on approval_key (account);
",
];

/// Brings the store to the newest version, all or nothing.
pub async fn bring_up(writer: &SqlitePool) -> Result<(), DeskError> {
    let newer = |reason| DeskError::Unreadable { what: "a newer desk", reason };
    crate::database::bring_up(writer, VERSIONS).await?.map_err(newer)
}
