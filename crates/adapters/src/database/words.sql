-- What statements of Endcap use that SQLite knows and PostgreSQL does not, with SQLite's meaning.

-- Tables of programs and their versions.
create table version (
    tables text primary key,
    number bigint not null
);

-- Who writes, and how many transactions of theirs were kept: what became of a commit is looked up here when its answer is lost.
create table writer (
    token text primary key,
    turn  bigint not null,
    at    timestamptz not null default now()
);

create function instr(text, text) returns bigint
language sql immutable strict parallel safe
as 'select strpos($1, $2)::bigint';

create function json_valid(text) returns boolean
language plpgsql immutable strict parallel safe
as 'begin perform $1::json; return true; exception when others then return false; end';

create function json_field(text, text) returns text
language sql immutable strict parallel safe
as 'select $1::json ->> $2';

create function json_place(text, integer) returns text
language sql immutable strict parallel safe
as 'select $1::json ->> $2';

create function json_each(text) returns table (value text)
language sql immutable strict parallel safe
as 'select json_array_elements_text($1::json)';

create operator ->> (leftarg = text, rightarg = text, function = json_field);
create operator ->> (leftarg = text, rightarg = integer, function = json_place);
