"""Transaction mode: little scripts whose every answer is what PostgreSQL says to
them, though the server changes before every second statement; and nothing of them
is left for others."""

import pytest
from support import configs, postgres, wire
from support.wire import SYNC, bind, close, describe, execute, extended, parse


@pytest.fixture(scope="module")
def two(pg, module_start):
    """Two servers. PostgreSQL itself is asked in another database."""
    for role in ("lender", "keeper"):
        pg.query(f"create role {role}; grant {role} to app")
    for name in ("acme", "globex"):
        pg.query("create schema alike; grant all on schema alike to public; "
                 "create table alike.d (id int unique deferrable initially immediate); "
                 "grant all on alike.d to public; create sequence alike.s; grant all on "
                 "alike.s to public", dbname=name)
    return module_start(configs.plain(pg, pool_size=2))


LOOK = ("select current_setting('work_mem'), current_setting('TimeZone'), current_user, "
        "session_user, current_setting('search_path'), current_setting('role'), "
        "coalesce(current_setting('app.alike', true), ''), "
        "(select count(*) from pg_prepared_statements where from_sql), "
        "(select count(*) from pg_locks where locktype = 'advisory' and pid = "
        "pg_backend_pid()), (select count(*) from pg_cursors), "
        "(select count(*) from pg_listening_channels())")
BEHIND = {"TimeZone": "Asia/Tokyo", "work_mem": "5MB", "options": "-c search_path=alike"}

# name -> (startup parameters, what is said; a str is a Query, bytes as they are)
SCRIPTS = {
    "a startup setting, set and rolled back to": (BEHIND, [
        "begin", "savepoint a", "set timezone = 'UTC'; set work_mem = '7MB'; "
        "set search_path = public", LOOK, "rollback to a", LOOK, "commit", LOOK]),
    "a startup setting, reset and rolled back to": (BEHIND, [
        "begin", "set timezone = 'UTC'", "savepoint a", "reset timezone", LOOK,
        "rollback to a", LOOK, "release a", "commit", LOOK]),
    "set local role, then an error": ({}, [
        "begin", "set local role lender", LOOK, "select 1/0", LOOK, "commit", LOOK]),
    "roles in blocks": ({}, [
        "set role lender", LOOK, "begin", "set role keeper", LOOK, "rollback", LOOK,
        "reset role", LOOK, "set role nobody_of_that_name", LOOK]),
    "session authorization": ({}, [
        "set session authorization default", LOOK, "set session authorization app",
        "set session authorization lender", LOOK,
        "set local session authorization lender", "reset session authorization", LOOK]),
    "set from current": ({}, [
        "set work_mem = '9MB'", "set timezone = 'Asia/Tokyo'",
        "create function alike.now_set() returns text language sql set work_mem from "
        "current set timezone from current as $$ select current_setting('work_mem') "
        "|| current_setting('timezone') $$", "set work_mem = '1MB'; set timezone = 'UTC'",
        "select alike.now_set()", LOOK, "select alike.now_set()", LOOK,
        "drop function alike.now_set()"]),
    "a set that an exception takes back": ({}, [
        "do $$ begin begin perform set_config('work_mem', '3MB', false); perform 1/0; "
        "exception when others then null; end; end $$", LOOK,
        "do $$ begin perform set_config('work_mem', '3MB', false); end $$", LOOK, LOOK]),
    "set constraints": ({}, [
        "begin", "set constraints all deferred", "insert into alike.d values (1), (1)",
        "set constraints all immediate", "rollback", "set constraints all deferred",
        "insert into alike.d values (1), (1)"]),
    "strings of statements that fail": ({}, [
        "set work_mem = '8MB'; select 1/0", LOOK,
        "set work_mem = '8MB'; begin; set work_mem = '9MB'; select 1/0", LOOK,
        "rollback", LOOK]),
    "chains": ({}, [
        "begin isolation level serializable", "set work_mem = '6MB'", "commit and chain",
        "show transaction_isolation", LOOK, "set work_mem = '7MB'",
        "rollback and chain", LOOK, "show transaction_isolation", "commit", LOOK]),
    "session characteristics": ({}, [
        "set session characteristics as transaction isolation level serializable, "
        "read only, deferrable", "show default_transaction_isolation", "begin",
        "show transaction_read_only", "rollback", "reset all",
        "show transaction_isolation", "set transaction isolation level serializable",
        "show transaction_isolation"]),
    "client encodings": ({"client_encoding": "LATIN1"}, [
        "select chr(228)", "set names 'UTF8'", "select chr(228)", "begin",
        "set client_encoding = win1252", "select chr(8364)", "select chr(20000)",
        "rollback", "select chr(8364)", "set client_encoding = nonsense",
        "reset client_encoding", "select chr(228)", "show client_encoding"]),
    "strings that do not conform": ({}, [
        "set standard_conforming_strings = off", "select 'a\\\\b'", "set work_mem = '5MB'",
        "select set_config('app.alike', '\\'', false)", LOOK, LOOK,
        "reset standard_conforming_strings", "select 'a\\b'"]),
    "discards": ({}, [
        parse("kept", "select 1") + SYNC, "prepare sql_kept as select 2", "discard plans",
        bind("", "kept") + execute() + SYNC, "execute sql_kept", "discard temp",
        "discard sequences", "execute sql_kept", "begin", "discard all", "rollback",
        "discard plans; discard temp", "execute sql_kept",
        bind("", "kept") + execute() + SYNC, "discard all", "execute sql_kept",
        bind("", "kept") + execute() + SYNC]),
    "discards by protocol": (BEHIND, [
        "begin", extended("discard plans") + SYNC, extended("discard temp") + SYNC,
        "select nextval('alike.s')", extended("discard sequences") + SYNC,
        "select lastval()", "rollback", extended("discard all") + SYNC, LOOK, LOOK]),
    "names of both protocols in other statements": ({}, [
        parse("m", "select $1::int as a") + SYNC, "explain (costs off) execute m(3)",
        "create table alike.made as execute m(3)", "select * from alike.made",
        "drop table alike.made", "create temp table made as execute m(4)",
        "select * from made", "drop table made", "deallocate prepare m", "execute m(1)",
        bind("", "m", [b"1"]) + SYNC]),
    "quoted names": ({}, [
        parse('we"ird N', "select 1") + SYNC, 'execute "we""ird N"',
        'deallocate "we""ird N"', parse("UPPER", "select 2") + SYNC, "execute UPPER",
        'execute "UPPER"', parse("ä", "select 3") + SYNC, "execute ä",
        'execute U&"\\00e4"', "deallocate all"]),
    "prepare in a failed block": ({}, [
        "begin", "select 1/0", parse("f", "select 1") + SYNC, "prepare g as select 1",
        "deallocate g", "deallocate all", "discard all", close("S", "f") + SYNC,
        "rollback", bind("", "f") + SYNC, parse("f", "select 1") + SYNC,
        bind("", "f") + execute() + SYNC]),
    "prepare in a block that is rolled back": ({}, [
        "begin", parse("r", "select 1") + SYNC, "prepare s as select 2", "rollback",
        bind("", "r") + execute() + SYNC, "execute s", "deallocate s", "execute s"]),
    "utilities, prepared": ({}, [
        parse("show", "show work_mem") + SYNC, parse("set", "set work_mem = '9MB'") + SYNC,
        bind("", "set") + execute() + SYNC, bind("", "show") + execute() + SYNC,
        parse("begin", "begin isolation level serializable read only") + SYNC,
        bind("", "begin") + execute() + SYNC, "show transaction_isolation",
        "create table alike.no ()", "rollback", parse("listen", "listen alike") + SYNC,
        bind("", "listen") + execute() + SYNC, LOOK, LOOK, "unlisten *"]),
    "listens in rolled back savepoints": ({}, [
        "begin", "savepoint s", "listen a", "rollback to s", "listen b", "commit",
        "select * from pg_listening_channels()", "begin; unlisten b; rollback",
        "select * from pg_listening_channels()", extended("listen c")
        + extended("select 1/0") + SYNC, "select * from pg_listening_channels()",
        "unlisten *", LOOK]),
    "temporary types and functions": ({}, [
        "create function pg_temp.four() returns int language sql as 'select 4'",
        "select pg_temp.four()", "create domain pg_temp.d as int",
        # Whether there is a pg_temp afterwards depends on the server.
        "select 3::pg_temp.d", "select pg_temp.four()", "discard temp"]),
    "begins of all kinds": ({}, [
        extended("start transaction read only") + SYNC,
        extended("create table alike.no ()") + SYNC, extended("rollback") + SYNC,
        "begin; set transaction isolation level serializable",
        "show transaction_isolation", "commit", "begin nonsense",
        "begin isolation level serializable, read only, deferrable",
        "show transaction_deferrable", "begin", "commit", "commit"]),
    "descriptions": ({}, [
        parse("d", "select $1::int4 as x, $2::text as y where $3", (0, 25, 16))
        + describe("S", "d") + SYNC, describe("S", "d") + SYNC,
        bind("", "d", [b"1", b"2", b"t"], (), (1, 0)) + describe() + execute() + SYNC,
        bind("p", "d", [b"1", b"2", b"t"]) + describe("P", "p") + SYNC,
        execute("p") + SYNC]),
}


def said(client, what) -> list:
    client.send(what if isinstance(what, bytes) else wire.query(what))
    seen = [(tag, body) for tag, body in client.recv_until("Z") if tag != "S"]
    # Tables have other object ids there, and PostgreSQL's source is not compared.
    return [(tag, wire.row_fields(body) if tag == "T"
             else {key: value for key, value in wire.error_fields(body).items()
                   if key not in "FLR"} if tag in "EN" else body) for tag, body in seen]


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_is_answered_as_by_postgresql(pg, two, connect, name):
    parameters, script = SCRIPTS[name]
    other = connect(two)
    nothing = other.query(LOOK)
    with wire.Client(port=pg.port) as direct:
        direct.login("app", "globex", postgres.PASSWORD, **parameters)
        client = connect(two, **parameters)
        status = b"I"
        for number, what in enumerate(script):
            moved = number % 2 == 1 and status == b"I"
            if moved:  # It has the server that was used last.
                other.query("begin")
                assert other.query(LOOK) == nothing, what
            wanted, got = said(direct, what), said(client, what)
            if moved:
                other.query("rollback")
            assert got == wanted, what
            assert client.parameters == direct.parameters | {
                "is_superuser": client.parameters["is_superuser"]}, what
            status = got[-1][1]
        client.send(wire.TERMINATE)
        client.rest()
    third = connect(two)
    for each in (other, third):
        each.query("begin")
        assert each.query(LOOK) == nothing
    for each in (other, third):
        each.query("rollback")
