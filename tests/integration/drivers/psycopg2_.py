"""psycopg2: simple queries, named cursors, COPY, large objects, two-phase commit."""

import psycopg2
import psycopg2.extensions
import psycopg2.extras
from io import StringIO

from matrix import attempt, main


def work(where, worker: int, s: str):
    db = psycopg2.connect(host="127.0.0.1", port=where.port, user=where.user,
                          password=where.password, dbname=where.database)
    cursor = db.cursor()

    def one(sql: str, values=None):
        cursor.execute(sql, values)
        return cursor.fetchone()

    cursor.execute(f"drop schema if exists {s} cascade; create schema {s}; "
                   f"create table {s}.t (id int primary key, word text)")
    db.commit()

    def queries():
        return [one("select %s::int * 2, %s", (n, "it's")) for n in range(5)]

    def values():
        psycopg2.extras.execute_values(cursor, f"insert into {s}.t values %s",
                                       [(i, f"w{i}") for i in range(500)])
        db.commit()
        return one(f"select count(*), max(id) from {s}.t")

    def errors():
        got = []
        for sql in ("select 1/0", f"insert into {s}.t values (1, 'x')", "selec"):
            try:
                cursor.execute(sql)
            except psycopg2.Error as why:
                got.append((why.pgcode, why.diag.message_primary))
            db.rollback()
        return got

    def named_cursor():
        with db.cursor("named") as named:
            named.itersize = 20
            named.execute(f"select id from {s}.t order by id")
            return sum(row[0] for row in named)

    def held_cursor():
        with db.cursor("held", withhold=True) as held:
            held.execute(f"select id from {s}.t order by id")
            db.commit()
            first = held.fetchmany(5)
            db.commit()
            return first, len(held.fetchall())

    def copy():
        cursor.copy_expert(f"copy {s}.t from stdin", StringIO("900\tx\n901\ty\n"))
        out = StringIO()
        cursor.copy_expert(f"copy (select id from {s}.t where id >= 900 order by id) "
                           "to stdout", out)
        db.commit()
        return out.getvalue()

    def session_characteristics():
        db.set_session(isolation_level="SERIALIZABLE", readonly=True)
        got = [one("show transaction_isolation"), one("show transaction_read_only")]
        db.commit()
        db.set_session(isolation_level="DEFAULT", readonly=False)
        got.append(one("show transaction_isolation"))
        db.commit()
        db.autocommit = True
        db.set_session(isolation_level="REPEATABLE READ")
        got.append(one("show default_transaction_isolation"))
        db.set_session(isolation_level="DEFAULT")
        got.append(one("show default_transaction_isolation"))
        db.autocommit = False
        return got

    def encoding():
        db.set_client_encoding("LATIN1")
        got = one("select 'h\u00e9', octet_length('h\u00e9')")
        db.commit()
        again = one("select %s, current_setting('client_encoding')", ("\u00e9",))
        db.set_client_encoding("UTF8")
        db.commit()
        return got, again, one("select %s", ("\u4e16",)), db.encoding

    def settings():
        cursor.execute(f"set search_path = {s}; set datestyle = 'German'")
        db.commit()
        got = one("select count(*) > 0, '2020-02-03'::date::text from t")
        db.commit()
        cursor.execute("reset search_path; reset datestyle")
        db.commit()
        return got, one("show search_path"), db.get_parameter_status("DateStyle")

    def large_object():
        large = db.lobject(0, "wb")
        large.write(b"large " * 1000)
        oid = large.oid
        large.close()
        db.commit()
        large = db.lobject(oid, "rb")
        large.seek(6)
        got = large.read(5), large.seek(0, 2)
        large.unlink()
        db.commit()
        return got

    def two_phase():
        if where.workers > 1:  # There are five at most.
            return "only alone"
        name = db.xid(1, f"{s} {where.port}", "branch")
        db.tpc_begin(name)
        cursor.execute(f"insert into {s}.t values (2000, 'two phases')")
        db.tpc_prepare()
        db.tpc_commit()
        return one(f"select word from {s}.t where id = 2000")

    def notifications():
        db.autocommit = True
        cursor.execute(f"listen two_{worker}")
        cursor.execute(f"notify two_{worker}, 'hello'")
        db.poll()
        got = [note.payload for note in db.notifies]
        cursor.execute("unlisten *")
        db.autocommit = False
        return got

    def sql_prepare():
        cursor.execute("prepare kept as select $1::int + 1")
        db.commit()
        got = [one("execute kept(%s)", (n,)) for n in range(3)]
        db.commit()
        got.append(one("execute kept(9)"))
        cursor.execute("deallocate kept")
        db.commit()
        return got

    def composite():
        cursor.execute(f"create type {s}.pair as (a int, b text)")
        db.commit()
        psycopg2.extras.register_composite(f"{s}.pair", cursor)
        return tuple(one(f"select '(1,x)'::{s}.pair")[0])

    def reset():
        """What psycopg2.pool does when a connection comes back."""
        cursor.execute("set work_mem = '7MB'")
        db.commit()
        db.reset()
        return one("show work_mem")

    for feature in (queries, values, errors, named_cursor, held_cursor, copy,
                    session_characteristics, encoding, settings, large_object, two_phase,
                    notifications, sql_prepare, composite, reset):
        attempt(worker, feature.__name__, feature)
        if db.closed:
            return "lost"
        db.rollback()
    db.close()
    return "good"


main(work)
