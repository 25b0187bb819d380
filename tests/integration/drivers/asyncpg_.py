"""asyncpg with its defaults: a cache of prepared statements, binary everything."""

import asyncio
import json
import sys

import asyncpg
from matrix import Where, show


async def work(where, worker: int, s: str):
    db = await asyncpg.connect(
        host="127.0.0.1", port=where.port, user=where.user, password=where.password,
        database=where.database, server_settings={"application_name": "asyncpg"})
    await db.execute(f"drop schema if exists {s} cascade; create schema {s}; "
                     f"create table {s}.t (id int primary key, word text); "
                     f"create type {s}.pair as (a int, b text); "
                     f"create type {s}.mood as enum ('sad', 'happy'); "
                     f"create domain {s}.small as int check (value < 100)")

    async def cached():
        return [await db.fetchrow("select $1::int * 2 as x, $2::text as y", n, "w")
                for n in range(10)]

    async def many():
        await db.executemany(f"insert into {s}.t values ($1, $2)",
                             [(i, f"w{i}") for i in range(500)])
        return await db.fetchval(f"select sum(id) from {s}.t")

    async def many_fails():
        try:
            await db.executemany(f"insert into {s}.t values ($1, $2)",
                                 [(3000, "x"), (1, "twice"), (3001, "y")])
        except asyncpg.UniqueViolationError as why:
            return why.sqlstate, await db.fetchval(
                f"select count(*) from {s}.t where id >= 3000")

    async def prepared():
        statement = await db.prepare(f"select word from {s}.t where id = $1")
        got = [await statement.fetchval(n) for n in range(5)]
        return got, [a.name for a in statement.get_attributes()]

    async def introspection():
        pair = await db.fetchval(f"select '(1,x)'::{s}.pair")
        pairs = await db.fetchval(f"select array['(1,x)', '(2,y)']::{s}.pair[]")
        mood = await db.fetchval(f"select 'happy'::{s}.mood")
        small = await db.fetchval(f"select $1::{s}.small", 5)
        return tuple(pair), len(pairs), mood, small

    async def codec():
        await db.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads,
                                schema="pg_catalog")
        return await db.fetchval("select $1::jsonb", {"a": [1, 2]})

    async def cursor():
        async with db.transaction():
            got = [row[0] async for row in db.cursor(
                f"select id from {s}.t order by id", prefetch=30)]
            other = await db.cursor(f"select id from {s}.t order by id")
            await other.forward(10)
            return len(got), await other.fetch(3)

    async def copy():
        await db.copy_records_to_table("t", schema_name=s, columns=["id", "word"],
                                       records=[(i, "copied") for i in range(1000, 2000)])
        return await db.fetchval(f"select count(*) from {s}.t where word = 'copied'")

    async def copy_fails():
        try:
            await db.copy_records_to_table("t", schema_name=s, records=[(1, "twice")])
        except asyncpg.PostgresError as why:
            return why.sqlstate, await db.fetchval("select 'on'")

    async def savepoints():
        async with db.transaction(isolation="serializable"):
            try:
                async with db.transaction():
                    await db.execute("select 1/0")
            except asyncpg.DivisionByZeroError:
                pass
            return await db.fetchval("show transaction_isolation")

    async def errors():
        got = []
        for _ in range(3):
            for sql in ("select 1/$1::int", "select nowhere from nothing where $1"):
                try:
                    await db.fetch(sql, 0)
                except asyncpg.PostgresError as why:
                    got.append(why.sqlstate)
        return got

    async def settings():
        await db.execute(f"set search_path = {s}; set timezone = 'Asia/Tokyo'")
        got = [await db.fetchval("select count(*) > 0 from t"),
               db.get_settings().TimeZone]
        await db.execute("reset all")
        got += [await db.fetchval("show search_path"), db.get_settings().TimeZone,
                await db.fetchval("show application_name")]
        return got

    async def listener():
        heard = asyncio.get_running_loop().create_future()
        await db.add_listener(f"as_{worker}", lambda *what: heard.set_result(what[3]))
        await db.execute(f"notify as_{worker}, 'hello'")
        got = await asyncio.wait_for(heard, 10)
        await db.reset()
        return got

    async def changed_table():
        await db.execute(f"create table {s}.c (a int); insert into {s}.c values (1)")
        sql = f"select * from {s}.c"
        got = [tuple(await db.fetchrow(sql))]
        await db.execute(f"alter table {s}.c add column b int default 2")
        got.append(tuple(await db.fetchrow(sql)))
        return got

    async def pool():
        if where.workers > 1:
            return "only alone"
        async with asyncpg.create_pool(
                host="127.0.0.1", port=where.port, user=where.user,
                password=where.password, database=where.database, min_size=1,
                max_size=2) as pool:
            async def one(n):
                return await pool.fetchval("select $1::int", n)
            return await asyncio.gather(*(one(n) for n in range(30)))

    features = [cached, many, many_fails, prepared, introspection, codec, cursor, copy,
                copy_fails, savepoints, errors, settings, listener, changed_table, pool]
    for feature in features:
        try:
            show(worker, feature.__name__, await asyncio.wait_for(feature(), 60))
        except Exception as why:  # A driver's error is an answer too.
            show(worker, feature.__name__, f"{type(why).__name__}: {why}")
        if db.is_closed():
            return
    await db.close()
    show(worker, "connection", "good")


async def main():
    where = Where(sys.argv)
    await asyncio.gather(*(work(where, worker, f"m_asyncpg_{worker}")
                           for worker in range(where.workers)))


asyncio.run(main())
