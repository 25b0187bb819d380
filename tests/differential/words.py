"""SQL for the random sessions. Every statement's answer depends on nothing but the
session it is in: no clock, no process ids, rows in an order."""


def plain(rng, s: str) -> str:
    """A statement that works; `s` is the client's own schema."""
    k, j = rng.randint(1, 30), rng.randint(1, 30)
    return rng.choice([
        f"select {k} + {j}",
        f"select {k} as a, '{j}' as b, null as c",
        f"select id, v from {s}.t where id <= {k} order by id",
        f"select count(*), sum(n) from {s}.t",
        f"select generate_series(1, {k})",
        f"select repeat('{chr(96 + k % 26 + 1)}', {k * 20})",
        f"insert into {s}.t values ({k}, 'new {j}', {j}) on conflict do nothing",
        f"insert into {s}.t select g, 'many', g from generate_series({30 + k}, "
        f"{30 + k + j}) g on conflict do nothing",
        f"update {s}.t set v = 'u{j}', n = n + 1 where id = {k}",
        f"with x as (update {s}.t set n = {j} where id % 3 = {k % 3} returning v) "
        f"select v from x order by 1",
        f"delete from {s}.t where id > {k + 10}",
        f"delete from {s}.t where id = {k} returning id, v",
        f"with x as (select id from {s}.t order by id limit {k}) select max(id) from x",
        f"values ({k}, 'x'), ({j}, 'y')",
        f"select array[{k}, {j}], '{{\"a\": {k}}}'::jsonb, {k}.5::float8, true",
        f"table {s}.t limit 0",
        "select",
        "select 'h\u00e9llo \u4e16', length('h\u00e9llo')",
        "select 'quotes '' and ; semicolons -- and comments' /* ; */",
        "select $$dollar ; quoted$$ as \"odd \"\" name\"",
        f"explain (costs off) select {k}",
        f"do $$ begin raise notice 'notice {k}'; end $$",
        f"do $$ begin raise warning 'warning {k}' using hint = 'a hint'; end $$",
        f"select nextval('{s}.sq')",
        f"merge into {s}.t using (values ({k})) as x(i) on t.id = x.i "
        f"when matched then update set v = 'merged' "
        f"when not matched then insert values (x.i, 'merged', 0)",
    ])


def failing(rng, s: str) -> str:
    k = rng.randint(1, 18)
    return rng.choice([
        "select 1/0",
        "selec 1",
        f"select * from {s}.nowhere",
        f"insert into {s}.t values (1, 'twice', 0), (1, 'twice', 0)",
        "select 'a'::int",
        f"select 100/(g-{k}) from generate_series(1, 20) g",
        "do $$ begin raise exception 'on purpose' using errcode = 'P1234', "
        "detail = 'the detail', hint = 'the hint'; end $$",
        "select nofunction()",
        "select 1 from",
        "commit prepared 'nothing of that name'",
        "savepoint outside; select 1",
        "update pg_class set relname = 'x'",
    ])


def empty(rng) -> str:
    return rng.choice(["", ";", " ; ; ", "-- nothing", "/* nothing */"])


def with_values(rng, s: str):
    """(sql, values as text, how many result columns)."""
    k = rng.randint(1, 30)
    return rng.choice([
        ("select $1::int + 1", [b"%d" % k], 1),
        ("select $1::text || 'x', $2::int", [b"word %d" % k, b"%d" % k], 2),
        (f"select id, v from {s}.t where id < $1 order by id", [b"%d" % k], 2),
        (f"insert into {s}.t values ($1, $2, 1) on conflict do nothing returning id",
         [b"%d" % k, b"bound"], 1),
        (f"update {s}.t set v = $2 where id = $1", [b"%d" % k, b"bound"], 0),
        (f"delete from {s}.t where id = $1", [b"%d" % k], 0),
        ("select 10 / $1::int", [b"%d" % rng.randint(0, 2)], 1),
        ("select $1::int", [rng.choice([b"7", None, b"seven"])], 1),
        (f"select g, $1::text from generate_series(1, {k}) g", [b"v"], 2),
        ("select $1::bytea, $2::bool", [b"\\x0001ff", b"t"], 2),
        (f"select {k}, 'no values'", [], 2),
        (f"select id from {s}.t order by id", [], 1),
        ("set local work_mem = '3MB'", [], 0),
    ])


# name -> values that differ from each other, as SQL.
SETTINGS = {
    "timezone": ["'America/Caracas'", "'Asia/Tokyo'", "'UTC'"],
    "datestyle": ["'German'", "'SQL, DMY'", "'ISO, MDY'"],
    "intervalstyle": ["'iso_8601'", "'postgres_verbose'"],
    "extra_float_digits": ["0", "-5", "3"],
    "bytea_output": ["'escape'", "'hex'"],
    "work_mem": ["'1MB'", "'2MB'", "1234"],
    "statement_timeout": ["'1h'", "'2h'", "0"],
    "lock_timeout": ["'1h'", "0"],
    "search_path": ["'pg_catalog'", "pg_catalog, public", "''"],
    "application_name": ["'one'", "'it''s \\ two'", "'three'"],
    "client_encoding": ["'LATIN1'", "'UTF8'"],
    "standard_conforming_strings": ["off", "on"],
    "enable_seqscan": ["off", "on"],
    "default_transaction_isolation": ["'serializable'", "'repeatable read'"],
    "default_transaction_read_only": ["on", "off"],
    "plan_cache_mode": ["force_generic_plan", "force_custom_plan"],
    "diff.mark": ["'mine'", "'other'", "'third one'"],
}


def setter(name: str) -> str:
    """A function that sets it, of which no text tells."""
    return "diff.f_" + name.replace(".", "_")


BAD_SETTINGS = [
    "set nothing_of_that_name = 1", "set work_mem = 'much'", "set timezone = 'Nowhere'",
    "set server_version = '1'", "set log_min_messages = 'debug1'",
    "set client_encoding = 'KLINGON'", "reset nothing_of_that_name",
    "set session authorization nobody_of_that_name", "set role nobody_of_that_name",
]


def probe(rng) -> str:
    """Shows settings, of this client or leaked from another."""
    names = rng.sample(sorted(SETTINGS), rng.randint(2, 6))
    return "select " + ", ".join(
        f"coalesce(nullif(current_setting('{name}', true), ''), '-')"
        for name in names) + ", current_user, session_user"


def leaks(rng) -> str:
    """Shows state of another session, if there is any; the same in each."""
    return rng.choice([
        "select count(*) from pg_locks where locktype = 'advisory' "
        "and pid = pg_backend_pid()",
        "select name from pg_cursors where name <> '' order by 1",
        "select pg_listening_channels()",
        "select relname from pg_class where relnamespace = pg_my_temp_schema() "
        "order by 1",
        "select current_user, session_user, current_schemas(false)::text",
        "select '2020-02-03 04:05:06+00'::timestamptz, '1 day 2 hours'::interval, "
        "'\\x0102'::bytea, 1.1::float8 / 3",
    ])


def startup(rng, loose: bool, unreported: bool) -> dict:
    """Startup parameters; `loose`: also values that PostgreSQL reports in other
    words than the client's; `unreported`: also settings it never reports."""
    if loose and rng.random() < 0.5:
        return rng.choice([{"DateStyle": "German"}, {"timezone": "europe/paris"},
                           {"client_encoding": "latin-1"},
                           {"options": "-c datestyle=german -c extra_float_digits=1"},
                           {"options": "-e -S65 -fs"}])
    choices = [
        ("application_name", ["a", "an app's name"]),
        ("TimeZone", ["Europe/Paris", "Asia/Kolkata"]),
        ("DateStyle", ["German, DMY", "ISO, DMY"]),
        ("client_encoding", ["LATIN1", "UTF8"]),
        ("IntervalStyle", ["iso_8601", "sql_standard"]),
    ]
    choices += [] if not unreported else [
        ("extra_float_digits", ["2", "-3"]),
        ("search_path", ["pg_catalog", "pg_catalog,public"]),
        ("work_mem", ["5MB"]),
        ("options", ["-c statement_timeout=3h", "-cwork_mem=6MB -c search_path=public",
                     "--enable-seqscan=off", "-c diff.mark=with\\ space"]),
    ]
    return {name: rng.choice(values)
            for name, values in rng.sample(choices, rng.randint(0, 3))}
