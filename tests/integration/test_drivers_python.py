"""psycopg 3, psycopg 2 and asyncpg, in transaction and in session mode."""

import asyncio
import io

import asyncpg
import psycopg
import psycopg2
import psycopg2.extras
import pytest
from support import pgbouncer, postgres

MODES = ["transaction", "session"]
# (mode, may statements be prepared for longer than a transaction?)
PREPARING = [("transaction", False), ("transaction", True), ("session", False),
             ("session", True)]


def where(pooler, mode: str) -> dict:
    return {"host": "127.0.0.1", "port": pooler.port(mode),
            "user": pgbouncer.user_name("app.acme"), "password": postgres.PASSWORD}


def psycopg3(pooler, mode: str, prepare: bool = False, **more):
    db = psycopg.connect(**where(pooler, mode), dbname="acme", **more)
    db.prepare_threshold = 0 if prepare else None
    return db


@pytest.mark.parametrize("mode,prepare", PREPARING)
def test_psycopg3(shared, mode, prepare):
    with psycopg3(shared, mode, prepare) as db:
        for number in range(8):
            row = db.execute("select %s::int, %s", (number, f"w{number}")).fetchone()
            assert row == (number, f"w{number}")
            db.commit()
        with pytest.raises(psycopg.errors.DivisionByZero):
            db.execute("select 1/0")
        db.rollback()
        with db.transaction():
            db.execute("create table if not exists p3 (id int, word text)")
            db.execute("truncate p3")
            with db.cursor() as cursor:
                cursor.executemany("insert into p3 values (%s, %s)",
                                   [(i, str(i)) for i in range(300)])
            with pytest.raises(psycopg.Error), db.transaction():
                db.execute("nonsense")
        binary = db.cursor(binary=True)
        assert binary.execute("select sum(id), 1.5::float8 from p3").fetchone() \
            == (44850, 1.5)
        with db.cursor("mine") as server_side:
            server_side.itersize = 20
            server_side.execute("select id from p3 order by id")
            assert [row[0] for row in server_side] == list(range(300))
        db.execute("drop table p3")


@pytest.mark.parametrize("mode,prepare", PREPARING)
def test_psycopg3_pipeline(shared, mode, prepare):
    with psycopg3(shared, mode, prepare, autocommit=True) as db:
        with db.pipeline() as pipeline:
            cursors = [db.execute("select %s::int", (i,)) for i in range(200)]
            pipeline.sync()
            more = db.execute("select 'after sync'")
            assert [c.fetchone()[0] for c in cursors] == list(range(200))
            assert more.fetchone() == ("after sync",)
        with pytest.raises(psycopg.errors.DivisionByZero), db.pipeline():
            db.execute("select 1")
            db.execute("select 1/0")
            db.execute("select 'skipped'")
        assert db.execute("select 'goes on'").fetchone() == ("goes on",)


@pytest.mark.parametrize("mode", MODES)
def test_psycopg3_copy(shared, mode):
    with psycopg3(shared, mode) as db:
        db.execute("create table if not exists p3c (id int, word text)")
        db.execute("truncate p3c")
        with db.cursor().copy("copy p3c from stdin") as copy:
            for number in range(20_000):
                copy.write_row((number, "word " * 5))
        db.commit()
        with db.cursor().copy("copy p3c to stdout (format binary)") as copy:
            copy.set_types(["int4", "text"])
            assert sum(row[0] for row in copy.rows()) == 199_990_000
        with pytest.raises(psycopg.Error), \
                db.cursor().copy("copy p3c from stdin") as copy:
            copy.write("not a number\tx\n")
        db.rollback()
        with pytest.raises(psycopg.errors.QueryCanceled), \
                db.cursor().copy("copy p3c from stdin") as copy:
            copy.write_row((1, "x"))
            raise ZeroDivisionError
        db.rollback()
        assert db.execute("select count(*) from p3c").fetchone() == (20_000,)
        db.execute("drop table p3c")


@pytest.mark.parametrize("mode", MODES)
def test_psycopg3_async(shared, mode):
    async def one(number: int):
        async with await psycopg.AsyncConnection.connect(
                **where(shared, mode), dbname="acme") as db:
            db.prepare_threshold = None
            for turn in range(5):
                cursor = await db.execute("select %s::int, pg_sleep(0.001)",
                                          (number * 100 + turn,))
                assert (await cursor.fetchone())[0] == number * 100 + turn
                await db.commit()

    async def all_of_them():
        await asyncio.gather(*(one(n) for n in range(20)))

    asyncio.run(all_of_them())


@pytest.mark.parametrize("mode", MODES)
def test_psycopg3_notices_and_types(shared, mode):
    with psycopg3(shared, mode, autocommit=True) as db:
        heard = []
        db.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        db.execute("do $$ begin raise notice 'hello'; end $$")
        assert heard == ["hello"]
        row = db.execute("select array[1,2], '{\"a\": 1}'::jsonb, now(), null, "
                         "'\\xdead'::bytea, 10.25::numeric").fetchone()
        assert row[0] == [1, 2] and row[1] == {"a": 1} and row[3] is None
        assert bytes(row[4]) == b"\xde\xad"


@pytest.mark.parametrize("mode", MODES)
def test_psycopg2(shared, mode):
    db = psycopg2.connect(**where(shared, mode), dbname="acme")
    with db, db.cursor() as cursor:
        cursor.execute("create table if not exists p2 (id int, word text)")
        cursor.execute("truncate p2")
        psycopg2.extras.execute_values(
            cursor, "insert into p2 values %s", [(i, str(i)) for i in range(500)])
        cursor.copy_expert("copy p2 from stdin", io.StringIO("1000\tx\n1001\ty\n"))
    with db, db.cursor() as cursor:
        out = io.StringIO()
        cursor.copy_expert("copy (select id from p2 where id > 900) to stdout", out)
        assert sorted(out.getvalue().split()) == ["1000", "1001"]
    with pytest.raises(psycopg2.errors.DivisionByZero), db, db.cursor() as cursor:
        cursor.execute("select 1/0")
    with db, db.cursor("named") as cursor:
        cursor.itersize = 50
        cursor.execute("select id from p2 order by id")
        assert len(list(cursor)) == 502
    with db, db.cursor() as cursor:
        cursor.execute("drop table p2")
    db.close()


@pytest.mark.parametrize("mode,prepare", PREPARING)
def test_asyncpg(shared, mode, prepare):
    async def go():
        # asyncpg prepares every query under a name unless its cache is off; the
        # name then lives within one transaction.
        more = {} if prepare else {"statement_cache_size": 0}
        db = await asyncpg.connect(**where(shared, mode), database="acme", **more)
        for number in range(5):
            if prepare:
                assert await db.fetchval("select $1::int * 2", number) == 2 * number
            async with db.transaction():
                assert await db.fetchval("select $1::int * 2", number) == 2 * number
        assert await db.execute("select 1; select 2") == "SELECT 1"
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with db.transaction():
                await db.fetchval("select 1/0")
        async with db.transaction():
            seen = [row[0] async for row in
                    db.cursor("select generate_series(1, 200)", prefetch=30)]
            assert seen == list(range(1, 201))
            await db.execute("create temp table ap (id int, word text) "
                             "on commit drop")
            await db.copy_records_to_table(
                "ap", records=[(i, str(i)) for i in range(1000)])
            out = io.BytesIO()
            await db.copy_from_query("select id from ap", output=out)
            assert len(out.getvalue().split()) == 1000
            await db.executemany("insert into ap values ($1, $2)",
                                 [(i, "x") for i in range(300)])
            assert await db.fetchval("select count(*) from ap") == 1300
        with pytest.raises(asyncio.TimeoutError):
            await db.execute("select pg_sleep(30)", timeout=0.3)
        assert await db.fetchval("select 5") == 5 if prepare else True
        await db.close()

    asyncio.run(go())


def test_asyncpg_pool_in_session_mode_resets(shared):
    async def go():
        pool = await asyncpg.create_pool(
            **where(shared, "session"), database="acme", min_size=2, max_size=4)
        values = await asyncio.gather(
            *(pool.fetchval("select $1::int", i) for i in range(60)))
        assert values == list(range(60))
        await pool.close()

    asyncio.run(go())


def test_a_listener_hears_in_session_mode(shared):
    with psycopg3(shared, "session", autocommit=True) as db, \
            psycopg3(shared, "transaction", autocommit=True) as other:
        db.execute("listen harness")
        other.execute("notify harness, 'news'")
        assert next(db.notifies()).payload == "news"
        db.execute("unlisten *")
