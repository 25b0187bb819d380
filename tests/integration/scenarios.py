"""Conversations as (bytes to send, what ends the answer) steps. The end is
(tags, count): the count-th message with one of these tags. The same list goes to
PostgreSQL and through the pooler, whole and cut, and the answers are compared."""

from support.wire import (COPY_DONE, FLUSH, SYNC, bind, close, copy_data, copy_fail,
                          describe, execute, extended, function_call, parse, query)

Z = ("Z", 1)

# What every scenario finds; one session makes it before, everyone may use it.
SCHEMA = """
create table if not exists kept (id int primary key, word text);
create table if not exists loaded (id int, word text);
create or replace function shout(text) returns void language plpgsql as
  $$ begin raise notice 'heard %', $1; raise warning 'twice %', $1; end $$;
truncate kept, loaded;
insert into kept select i, 'word ' || i from generate_series(1, 50) i;
"""

INT4PL = 177
TWO_INTS = [(1).to_bytes(4, "big"), (2).to_bytes(4, "big")]
OUT = "copy (select id, word from kept where id <= 20 order by id) to stdout"
IN = "copy loaded from stdin"
ROWS = copy_data(b"1\tone\n") + copy_data(b"2\ttwo\n3\tthr") + copy_data(b"ee\n")
BAD_ROW = copy_data(b"not a number\tx\n")
UNDO = query("truncate loaded")

SCENARIOS = {
    # -- simple protocol
    "simple": [(query("select 1, null, 'text'"), Z)],
    "simple twice": [(query("select 1") + query("select 2"), ("Z", 2))],
    "empty query": [(query(""), Z)],
    "only semicolons": [(query(" ;; ; "), Z)],
    "multi-statement": [(query("select 1; select 2 where false; select 3"), Z)],
    "multi-statement error": [(query("select 1; select 1/0; select 3"), Z)],
    "error": [(query("select * from nowhere"), Z)],
    "syntax error": [(query("selec 1"), Z)],
    "transaction": [(query("begin"), Z), (query("select 1"), Z),
                    (query("commit"), Z)],
    "failed transaction": [(query("begin"), Z), (query("select 1/0"), Z),
                           (query("select 1"), Z), (query("rollback"), Z)],
    "pipelined transaction": [(query("begin") + query("select 1/0")
                               + query("select 2") + query("rollback")
                               + query("select 3"), ("Z", 5))],
    "notices": [(query("select shout('a'), shout('b')"), Z)],
    "parameter status": [(query("set application_name = 'x y'; "
                                "reset application_name"), Z)],
    "many rows": [(query("select i, repeat('x', i) from generate_series(1, 300) i"),
                   Z)],
    "wide row": [(query("select repeat('y', 40000)"), Z)],
    # -- extended protocol
    "extended": [(extended("select $1::int + 1", [b"41"]) + SYNC, Z)],
    "extended by Flush": [
        (parse("", "select $1::text") + describe("S") + FLUSH, ("T", 1)),
        (bind(values=[b"word"]) + execute() + FLUSH, ("C", 1)),
        (SYNC, Z)],
    "only Sync": [(SYNC, Z)],
    "Flush then Sync": [(FLUSH + SYNC, Z)],
    "many Syncs": [(SYNC * 20, ("Z", 20))],
    "pipeline": [(b"".join(extended("select %d" % i) + SYNC for i in range(6)),
                  ("Z", 6))],
    "pipeline in one Sync": [(b"".join(extended("select %d" % i) for i in range(6))
                              + SYNC, Z)],
    "error skips to Sync": [
        (extended("select 1") + extended("select 1/0") + extended("select 3")
         + parse("", "select 4") + FLUSH + SYNC + extended("select 5") + SYNC,
         ("Z", 2))],
    "error in Parse": [(parse("", "selec 1") + bind() + execute() + SYNC
                        + extended("select 1") + SYNC, ("Z", 2))],
    "error in Bind": [(parse("", "select $1::int") + bind(values=[b"x"]) + execute()
                       + SYNC, Z)],
    "unknown portal": [(execute("nobody") + SYNC, Z)],
    "unknown statement": [(describe("S", "nobody") + SYNC, Z)],
    "no data": [(parse("", "set local work_mem = '1MB'") + describe("S") + bind()
                 + describe() + execute() + SYNC, Z)],
    "empty extended": [(parse("", "") + bind() + describe() + execute() + SYNC, Z)],
    "portal with a row limit": [
        (parse("", "select id from kept order by id") + bind()
         + execute("", 3) + execute("", 4) + execute("", 0) + SYNC, Z)],
    "named portals": [
        (query("begin"), Z),
        (parse("", "select id from kept order by id") + bind("one")
         + parse("", "select -id from kept order by id") + bind("two")
         + execute("one", 2) + execute("two", 2) + execute("one", 2)
         + close("P", "one") + execute("two", 1) + SYNC, Z),
        (execute("two", 2) + SYNC, Z),
        (query("rollback"), Z)],
    "named statement in one batch": [
        (close("S", "mine") + parse("mine", "select $1::int") + describe("S", "mine")
         + bind("", "mine", [b"1"]) + execute() + bind("", "mine", [b"2"])
         + execute() + close("S", "mine") + SYNC, Z)],
    "binary results": [(parse("", "select 7::int8, true, '2020-02-02'::date")
                        + bind(results=[1]) + describe() + execute() + SYNC, Z)],
    "null values": [(parse("", "select $1::text, $2::int") + bind(values=[None, b"3"])
                     + execute() + SYNC, Z)],
    "extended transaction over Syncs": [
        (extended("begin") + SYNC, Z), (extended("select 1") + SYNC, Z),
        (extended("select 1/0") + SYNC, Z), (extended("rollback") + SYNC, Z)],
    "simple inside a batch": [(extended("select 1") + query("select 2") + SYNC,
                               ("Z", 2))],
    "commit inside a batch": [
        (extended("begin") + extended("select 1") + extended("commit") + SYNC, Z)],
    # -- FunctionCall
    "function call": [(function_call(INT4PL, TWO_INTS), Z)],
    "unknown function": [(function_call(4_000_000_000, TWO_INTS), Z)],
    "function call with bad values": [(function_call(INT4PL, [b"x"]), Z)],
    # -- COPY
    "copy out": [(query(OUT), Z)],
    "copy out extended": [(extended(OUT) + SYNC, Z)],
    "copy out error": [(query("copy (select 1/(3-id) from kept order by id) "
                              "to stdout"), Z)],
    "copy out between": [(query("select 1; " + OUT + "; select 2"), Z)],
    "copy in": [(query(IN), ("G", 1)), (ROWS + COPY_DONE, Z), (UNDO, Z)],
    "copy in sent ahead": [(query(IN) + ROWS + COPY_DONE, Z), (UNDO, Z)],
    "copy in fails": [(query(IN), ("G", 1)), (ROWS + copy_fail("no more"), Z)],
    "copy in bad row": [(query(IN), ("G", 1)), (ROWS + BAD_ROW + ROWS + COPY_DONE, Z)],
    "copy in bad row, query behind": [
        (query(IN), ("G", 1)), (BAD_ROW + ROWS + COPY_DONE + query("select 1"),
                                ("Z", 2))],
    "copy in of nothing": [(query(IN), ("G", 1)), (COPY_DONE, Z)],
    "copy in twice in one query": [
        (query(IN + "; select 1; " + IN), ("G", 1)), (ROWS + COPY_DONE, ("G", 1)),
        (ROWS + COPY_DONE, Z), (UNDO, Z)],
    "copy in with Sync and Flush inside": [
        (query(IN), ("G", 1)), (ROWS + FLUSH + SYNC + ROWS + COPY_DONE, Z), (UNDO, Z)],
    "copy in extended": [
        (extended(IN) + FLUSH, ("G", 1)), (ROWS + COPY_DONE + SYNC, Z), (UNDO, Z)],
    "copy in extended, sent ahead": [
        (extended(IN) + ROWS + COPY_DONE + SYNC, Z), (UNDO, Z)],
    "copy in extended fails": [
        (extended(IN) + FLUSH, ("G", 1)), (ROWS + copy_fail("enough") + SYNC, Z)],
    "copy in extended bad row": [
        (extended(IN) + FLUSH, ("G", 1)),
        (BAD_ROW + ROWS + COPY_DONE + SYNC + extended("select 1") + SYNC, ("Z", 2))],
    "copy in no table": [(query("copy nowhere from stdin"), Z)],
    # -- named statements over batches, wherever the next server is
    "prepared over Syncs": [
        (parse("kept_one", "select $1::int * 2") + SYNC, Z),
        (bind("", "kept_one", [b"4"]) + execute() + SYNC, Z),
        (parse("kept_one", "select 1") + SYNC, Z),
        (close("S", "kept_one") + SYNC, Z),
        (bind("", "kept_one", [b"4"]) + execute() + SYNC, Z)],
    "named Parse fails": [
        (parse("bad", "selec 1") + SYNC, Z),
        (bind("", "bad") + execute() + SYNC, Z),
        (parse("bad", "select 2") + SYNC, Z),
        (bind("", "bad") + execute() + SYNC, Z), (close("S", "bad") + SYNC, Z)],
    "named Parse behind an error": [
        (execute("nobody") + parse("late", "select 3") + SYNC, Z),
        (bind("", "late") + execute() + SYNC, Z),
        (describe("S", "late") + SYNC, Z)],
    "Close behind an error": [
        (parse("stays", "select 4") + SYNC, Z),
        (execute("nobody") + close("S", "stays") + SYNC, Z),
        (bind("", "stays") + execute() + SYNC, Z),
        (close("S", "stays") + SYNC, Z), (close("S", "stays") + SYNC, Z)],
    "named statement, another text after Close": [
        (parse("again", "select 5") + SYNC, Z), (close("S", "again") + SYNC, Z),
        (parse("again", "select 'five'") + bind("", "again") + execute() + SYNC, Z),
        (describe("S", "again") + SYNC, Z),
        (close("S", "again") + parse("again", "select 55") + SYNC, Z),
        (bind("", "again") + execute() + SYNC, Z), (close("S", "again") + SYNC, Z)],
    "two names for one text": [
        (parse("one", "select 6") + parse("two", "select 6") + SYNC, Z),
        (close("S", "one") + bind("", "two") + execute() + SYNC, Z),
        (bind("", "one") + SYNC, Z), (close("S", "two") + SYNC, Z)],
    "named statements pipelined over Syncs": [
        (parse("p", "select $1::int") + SYNC + bind("", "p", [b"1"]) + execute() + SYNC
         + bind("", "p", [b"x"]) + execute() + SYNC + bind("", "p", [b"3"]) + execute()
         + SYNC + close("S", "p") + SYNC + bind("", "p", [b"4"]) + SYNC, ("Z", 6))],
    "errors pipelined over Syncs": [
        (parse("p", "selec") + SYNC + bind("", "p") + execute() + SYNC
         + execute("nobody") + parse("p", "select 1") + SYNC + bind("", "p") + SYNC
         + parse("p", "select 2") + SYNC + bind("", "p") + execute() + SYNC
         + close("S", "p") + SYNC, ("Z", 7))],
    "named statement and named portal": [
        (query("begin"), Z),
        (parse("rows", "select id from kept order by id") + bind("portal", "rows")
         + describe("P", "portal") + execute("portal", 3) + SYNC, Z),
        (execute("portal", 2) + SYNC, Z), (query("commit"), Z),
        (close("S", "rows") + SYNC, Z)],
    "named Parse in a failed transaction": [
        (parse("before", "select 7") + SYNC, Z),
        (query("begin"), Z), (query("select 1/0"), Z),
        (parse("new", "select 8") + SYNC, Z), (parse("same", "select 7") + SYNC, Z),
        (bind("", "before") + execute() + SYNC, Z),
        (query("rollback"), Z), (bind("", "same") + SYNC, Z),
        (bind("", "before") + execute() + SYNC, Z), (close("S", "before") + SYNC, Z)],
    "statements survive a rollback": [
        (query("begin"), Z), (parse("kept", "select 9") + SYNC, Z),
        (query("rollback"), Z), (bind("", "kept") + execute() + SYNC, Z),
        (close("S", "kept") + SYNC, Z)],
    "a name in an error's text": [
        (parse("counted", "select $1::int, $2::int") + SYNC, Z),
        (bind("", "counted", [b"1"]) + SYNC, Z), (close("S", "counted") + SYNC, Z)],
    "names that look like ours": [
        (bind("", "cenote_missing") + SYNC, Z), (describe("S", "cenote_trial") + SYNC, Z),
        (parse("cenote_trial", "select 10") + SYNC, Z),
        (bind("", "cenote_trial") + execute() + SYNC, Z),
        (close("S", "cenote_trial") + SYNC, Z)],
    "unnamed statement over batches": [
        (parse("", "select $1::int + 1") + SYNC, Z),
        (bind("", "", [b"1"]) + execute() + SYNC, Z), (describe("S", "") + SYNC, Z),
        (bind("", "", [b"x"]) + execute() + SYNC, Z),
        (bind("", "", [b"2"]) + execute() + SYNC, Z),
        (query("select 'drops it'"), Z), (bind("", "", [b"3"]) + SYNC, Z)],
    "unnamed statement closed": [
        (parse("", "select 1") + SYNC, Z), (close("S", "") + SYNC, Z),
        (bind() + execute() + SYNC, Z)],
    "DEALLOCATE ALL": [
        (parse("gone", "select 11") + SYNC, Z), (query("deallocate all"), Z),
        (bind("", "gone") + SYNC, Z), (parse("gone", "select 12") + SYNC, Z),
        (bind("", "gone") + execute() + SYNC, Z),
        (close("S", "gone") + SYNC, Z)],
    "DEALLOCATE ALL in a pipeline": [
        (parse("gone", "select 14") + SYNC
         + query("deallocate all") + parse("gone", "select 11") + SYNC
         + bind("", "gone") + execute() + SYNC + close("S", "gone") + SYNC, ("Z", 5))],
    "DISCARD ALL": [
        (parse("gone", "select 13") + SYNC, Z), (query("discard all"), Z),
        (bind("", "gone") + SYNC, Z)],
}

# Only where the server stays the same from one transaction to the next.
SESSION_SCENARIOS = {
    "sql prepare": [(query("prepare p as select 1"), Z), (query("execute p"), Z),
                    (query("deallocate p"), Z), (query("execute p"), Z)],
    "listen and notify": [
        (query("listen news"), Z), (query("notify news, 'hello'"), Z),
        (query("begin; notify news, 'one'; notify news, 'two'; commit"), Z),
        (query("unlisten *"), Z)],
    "temporary table": [
        (query("create temp table mine (x int)"), Z),
        (query("insert into mine select generate_series(1, 3)"), Z),
        (query("select sum(x) from mine"), Z), (query("drop table mine"), Z)],
    "cursor with hold": [
        (query("begin; declare c cursor with hold for select id from kept order by "
               "id; commit"), Z),
        (query("fetch 2 from c"), Z), (query("close c"), Z)],
}
