"""psycopg 3. VARIANT: `default` (a statement is prepared at its sixth use) or a
prepare_threshold."""

import asyncio

import psycopg
from matrix import attempt, main
from psycopg.types.composite import CompositeInfo


def conninfo(where) -> dict:
    return {"host": "127.0.0.1", "port": where.port, "user": where.user,
            "password": where.password, "dbname": where.database}


def work(where, worker: int, s: str):
    db = psycopg.connect(**conninfo(where), application_name=f"worker {worker}")
    if where.variant != "default":
        db.prepare_threshold = int(where.variant)
    db.execute(f"drop schema if exists {s} cascade")
    db.execute(f"create schema {s}")
    db.execute(f"create table {s}.t (id int primary key, word text, at date)")
    db.commit()

    def queries():
        got = []
        for number in range(12):  # Past the threshold.
            got.append(db.execute("select %s::int * 2, %s", (number, "w")).fetchone())
            db.commit()
        return got

    def text_and_parameters_change():
        got = []
        for number in range(8):
            for value in (number, 1.5, True, [1, 2]):
                got.append(db.execute("select pg_typeof(%s)::text", (value,)).fetchone())
            db.rollback()
        return got

    def executemany():
        with db.cursor() as cursor:
            cursor.executemany(f"insert into {s}.t values (%s, %s, '2020-01-01')",
                               [(i, f"word {i}") for i in range(500)])
        db.commit()
        return db.execute(f"select count(*), sum(id) from {s}.t").fetchone()

    def errors():
        got = []
        for _ in range(7):
            try:
                db.execute("select 1 / %s::int", (0,))
            except psycopg.Error as why:
                got.append(why.sqlstate)
            db.rollback()
        return got

    def savepoints():
        with db.transaction():
            db.execute(f"insert into {s}.t values (1000, 'kept', null)")
            try:
                with db.transaction():
                    db.execute(f"insert into {s}.t values (1000, 'twice', null)")
            except psycopg.errors.UniqueViolation:
                pass
        return db.execute(f"select word from {s}.t where id = 1000").fetchall()

    def pipeline():
        got = []
        for _ in range(3):
            with db.pipeline() as line:
                cursors = [db.execute("select %s::int", (i,)) for i in range(50)]
                line.sync()
                cursors += [db.execute(f"select word from {s}.t where id = %s", (i,))
                            for i in range(20)]
                got.append([c.fetchone()[0] for c in cursors][-3:])
            db.commit()
        return got

    def pipeline_error():
        got = []
        for _ in range(3):
            try:
                with db.pipeline():
                    db.execute("select %s::int", (1,))
                    db.execute("select 1 / %s::int", (0,))
                    db.execute("select %s::int", (2,))
            except psycopg.Error as why:
                got.append(why.sqlstate)
            db.rollback()
            got.append(db.execute("select 'on'").fetchone())
            db.rollback()
        return got

    def server_cursor():
        with db.cursor("mine", scrollable=True) as cursor:
            cursor.itersize = 20
            cursor.execute(f"select id from {s}.t order by id")
            first = [row[0] for row in cursor.fetchmany(30)]
            cursor.scroll(-10)
            return first[-1], cursor.fetchone(), len(list(cursor))

    def held_cursor():
        with db.cursor("held", withhold=True) as cursor:
            cursor.execute("select g from generate_series(1, 100) g")
            db.commit()
            first = cursor.fetchmany(10)
            db.commit()
            return first[-1], len(cursor.fetchall())

    def copy_text():
        with db.cursor().copy(f"copy {s}.t (id, word) from stdin") as copy:
            for number in range(2000, 5000):
                copy.write_row((number, "copied"))
        db.commit()
        with db.cursor().copy(f"copy (select id from {s}.t where id >= 2000 order by id)"
                              " to stdout") as copy:
            return sum(int(row[0]) for row in copy.rows())

    def copy_binary():
        with db.cursor().copy(f"copy {s}.t (id, word) from stdin (format binary)") as c:
            c.set_types(["int4", "text"])
            for number in range(6000, 7000):
                c.write_row((number, "binary"))
        db.commit()
        with db.cursor().copy(f"copy (select id, word from {s}.t where id >= 6000) to "
                              "stdout (format binary)") as copy:
            copy.set_types(["int4", "text"])
            return sum(row[0] for row in copy.rows())

    def copy_errors():
        got = []
        try:
            with db.cursor().copy(f"copy {s}.t (id) from stdin") as copy:
                copy.write("not a number\n")
        except psycopg.Error as why:
            got.append(why.sqlstate)
        db.rollback()
        try:
            with db.cursor().copy(f"copy {s}.t (id) from stdin") as copy:
                copy.write("9000\n")
                raise ZeroDivisionError
        except (psycopg.Error, ZeroDivisionError) as why:
            got.append(type(why).__name__)
        db.rollback()
        return got, db.execute(f"select count(*) from {s}.t where id = 9000").fetchone()

    def binary_results():
        with db.cursor(binary=True) as cursor:
            return [cursor.execute("select %s::int8, 1.5::float8, '2020-02-02'::date, "
                                   "array[1, 2], 'x'::text", (n,)).fetchone()
                    for n in range(7)]

    def settings():
        db.execute("set timezone = 'Asia/Tokyo'")
        db.execute(f"set search_path = {s}, public")
        db.execute("set statement_timeout = '1h'")
        db.commit()
        got = [db.execute("select current_setting('timezone'), "
                          "current_setting('statement_timeout')").fetchone()]
        db.rollback()
        got.append(db.info.timezone.key)
        got.append(db.execute("select count(*) > 0 from t").fetchone())
        db.execute("set statement_timeout = '2h'")
        db.rollback()
        got.append(db.execute("show statement_timeout").fetchone())
        got.append(db.execute("show application_name").fetchone()[0][:6])
        db.rollback()
        return got

    def composite():
        db.execute(f"create type {s}.pair as (a int, b text)")
        db.commit()
        info = CompositeInfo.fetch(db, f"{s}.pair")
        info.register(db)
        got = db.execute(f"select '(1,x)'::{s}.pair").fetchone()[0]
        db.rollback()
        return str(got)

    def notices():
        heard = []
        db.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        db.execute("do $$ begin raise notice 'hello'; end $$")
        db.commit()
        return heard

    def temporary_table():
        db.execute("create temp table tmp (x int)")
        db.commit()
        db.execute("insert into tmp values (1), (2)")
        db.commit()
        got = db.execute("select sum(x) from tmp").fetchone()
        db.execute("drop table tmp")
        db.commit()
        return got

    def listen():
        db.autocommit = True
        db.execute(f"listen chan_{worker}")
        heard = []
        db.add_notify_handler(lambda note: heard.append(note.payload))
        db.execute(f"notify chan_{worker}, 'hello'")
        for _ in range(100):
            if heard:
                break
            db.execute("select 1")
        db.execute("unlisten *")
        db.autocommit = False
        return heard

    def advisory_lock():
        key = 7000 + worker
        db.execute("select pg_advisory_lock(%s)", (key,))
        db.commit()
        got = [db.execute("select pg_advisory_unlock(%s)", (key,)).fetchone()]
        db.commit()
        got.append(db.execute("select pg_advisory_unlock(%s)", (key,)).fetchone())
        db.commit()
        return got

    def changed_table():
        """A cached plan whose result type changes: pinned down inside, healed or
        told outside a transaction; the next use always works."""
        db.execute(f"create table {s}.c (a int)")
        db.execute(f"insert into {s}.c values (1)")
        db.commit()
        for _ in range(7):
            db.execute(f"select * from {s}.c").fetchone()
            db.commit()
        db.execute(f"alter table {s}.c add column b text default 'new'")
        db.commit()
        for _ in range(3):
            try:
                got = db.execute(f"select * from {s}.c").fetchone()
                db.commit()
                return got
            except psycopg.errors.FeatureNotSupported:
                db.rollback()
                db.execute("deallocate all")
                db.commit()

    def several_connections():
        async def one(number: int):
            async with await psycopg.AsyncConnection.connect(
                    **conninfo(where)) as other:
                got = []
                for turn in range(8):
                    cursor = await other.execute("select %s::int", (number + turn,))
                    got.append((await cursor.fetchone())[0])
                    await other.commit()
                return got

        async def both():
            return await asyncio.gather(one(0), one(100))

        return asyncio.run(both()) if where.workers == 1 else "only alone"

    for feature in (queries, text_and_parameters_change, executemany, errors, savepoints,
                    pipeline, pipeline_error, server_cursor, held_cursor, copy_text,
                    copy_binary, copy_errors, binary_results, settings, composite,
                    notices, temporary_table, listen, advisory_lock, changed_table,
                    several_connections):
        attempt(worker, feature.__name__, feature)
        if db.closed:
            return "lost"
        db.rollback()
    db.close()
    return "good"


main(work)
