//! Tables of the ledger. Records and checkpoints are only ever added: the database refuses anything else, so that a slip
//! in a program or at a prompt is no rewriting. (Whoever can drop a trigger is found by the chain and by witnesses.)

use crate::database::Tables;

/// The tables. They are written once, for SQLite and PostgreSQL alike (`database/dialect.rs`).
pub const TABLES: Tables = Tables { name: "ledger", versions: VERSIONS, secure_delete: true, readers: 2 };

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
    STOPS,
    LADDER,
    OUTBOX,
    REQUESTS,
    FINDINGS,
    ROLLOUTS,
    EDITIONS,
    NOTICES,
];

/// Orders on stops: who gave them and why stands in the record, so that erasing it there erases it. The row without a
/// scope says that stops were begun.
const STOPS: &str = "
create table stop_order (
    id     integer primary key autoincrement,
    scope  text,
    frozen integer /*boolean*/ not null,
    epoch  integer not null,
    at     text not null,
    record integer references record (sequence)
) strict;
create index stop_order_scope on stop_order (scope);
create trigger stop_order_stays before update on stop_order
begin select raise(abort, 'orders on stops are only added to'); end;
create trigger stop_order_is_kept before delete on stop_order
begin select raise(abort, 'orders on stops are only added to'); end;
";

/// Rungs of the ladder; who moved the machine and why stands in the record.
const LADDER: &str = "
create table rung (
    id       integer primary key autoincrement,
    category text not null,
    channel  text not null,
    action   text not null,
    autonomy text not null,
    at       text not null,
    record   integer not null references record (sequence)
) strict;
create index rung_field on rung (category, channel, action);
create trigger rung_stays before update on rung
begin select raise(abort, 'rungs are only added to'); end;
create trigger rung_is_kept before delete on rung
begin select raise(abort, 'rungs are only added to'); end;
";

/// What was decided for a later time, messages with what is known of them, and what limits sum over.
const OUTBOX: &str = "
create table scheduled (
    id      integer primary key autoincrement,
    due     integer not null,
    channel text not null,
    subject text not null,
    offer   text,
    intent  text not null,
    record  integer not null
) strict;
create index scheduled_due on scheduled (due);

create table message (
    id         integer primary key autoincrement,
    channel    text not null,
    subject    text not null,
    generation integer not null,
    place      text not null,
    sku        text not null,
    intent     text not null,
    known      text not null,
    open       integer /*boolean*/ not null,
    in_doubt   integer not null,
    rest_until integer not null,
    record     integer not null,
    unique (channel, subject, generation)
) strict;
create index message_open on message (rest_until) where open;
create index message_shelf on message (channel, place, sku, generation);
create trigger message_is_kept before delete on message
begin select raise(abort, 'what was decided is kept'); end;

create table sent (
    id      integer primary key autoincrement,
    at      integer not null,
    content text not null
) strict;
create index sent_at on sent (at);
";

/// Requests for approval with their answers, what was used up, who stands in for whom, and emergencies.
const REQUESTS: &str = "
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
";

/// What channels hold that they must not, or do not hold that they must, and what the last reading of each came to.
const FINDINGS: &str = "
create table finding (
    id              integer primary key autoincrement,
    channel         text not null,
    subject         text not null,
    place           text,
    sku             text,
    held_generation integer not null,
    content         text not null,
    found           integer not null,
    record          integer not null references record (sequence),
    gone            integer,
    gone_record     integer references record (sequence),
    asked           integer references record (sequence),
    repair          integer references record (sequence)
) strict;
create index finding_open on finding (channel, place, sku) where gone is null;
create unique index finding_once on finding (channel, subject) where gone is null;
create trigger finding_is_kept before delete on finding
begin select raise(abort, 'what was found is kept'); end;

create table contact (
    channel text primary key,
    content text not null
) strict;
";

/// What decisions wait for beside their time, why some never leave, and the steps of roll-outs, each bound to its record.
const ROLLOUTS: &str = "
alter table scheduled add column place text;
alter table scheduled add column sku text;
alter table scheduled add column waits text;
alter table scheduled add column void text;
update scheduled set place = intent ->> 'place', sku = intent ->> 'sku';
create index scheduled_shelf on scheduled (channel, offer, place, sku);
create table rollout_step (
    id      integer primary key autoincrement,
    plan    text not null,
    record  integer not null unique references record (sequence),
    content text not null
) strict;
create trigger rollout_step_stays before update on rollout_step
begin select raise(abort, 'steps of a roll-out are only added to'); end;
create trigger rollout_step_is_kept before delete on rollout_step
begin select raise(abort, 'steps of a roll-out are only added to'); end;
";

/// What programs went by when they acted, each with its record.
const EDITIONS: &str = "
create table edition (
    id      integer primary key autoincrement,
    content text not null,
    record  integer not null references record (sequence)
) strict;
create trigger edition_stays before update on edition
begin select raise(abort, 'editions are only added to'); end;
create trigger edition_is_kept before delete on edition
begin select raise(abort, 'editions are only added to'); end;
";

/// What people have to know, what became of it, who has still to be told, what was told, and what nobody wants to hear.
const NOTICES: &str = "
create table notice (
    id      text primary key,
    key     text not null,
    content text not null,
    open    integer /*boolean*/ not null,
    changed integer not null
) strict;
create unique index notice_once on notice (key) where open;
create trigger notice_is_kept before delete on notice
begin select raise(abort, 'notices are kept'); end;

create table notice_step (
    id      integer primary key autoincrement,
    notice  text not null references notice (id),
    at      integer not null,
    content text not null,
    record  integer references record (sequence)
) strict;
create index notice_step_of on notice_step (notice);
create trigger notice_step_stays before update on notice_step
begin select raise(abort, 'steps of a notice are only added to'); end;
create trigger notice_step_is_kept before delete on notice_step
begin select raise(abort, 'steps of a notice are only added to'); end;

create table notice_due (
    id       integer primary key autoincrement,
    receiver text not null,
    step     integer not null references notice_step (id),
    unique (receiver, step)
) strict;

create table telling (
    key      text primary key,
    receiver text not null,
    digest   integer /*boolean*/ not null,
    content  text not null,
    state    text not null,
    open     integer /*boolean*/ not null,
    tries    integer not null,
    next     integer not null,
    made     integer not null,
    why      text
) strict;
create index telling_open on telling (next) where open;
create index telling_made on telling (receiver, made);

create table notice_mute (
    id      integer primary key autoincrement,
    until   integer not null,
    content text not null,
    record  integer not null references record (sequence)
) strict;
";
