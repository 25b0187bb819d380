"""What outlives a transaction: settings, roles, SQL-level statements, temporary
tables, channels, locks, cursors."""

import words
from pieces import FLUSH, SYNC, b, c, d, declare, e, p, q

PIECES = []


def change(s) -> str:
    """A statement that changes a setting of the session."""
    rng = s.rng
    name = rng.choice(sorted(words.SETTINGS))
    value = rng.choice(words.SETTINGS[name])
    bare = value.strip("'").replace("''", "'").replace("'", "''")
    if s.may_reset() and rng.random() < 0.25:
        return rng.choice([f"set {name} to default", f"reset {name}", "reset all",
                           "set time zone local", "reset time zone",
                           f"select set_config('{name}', null, false)"])
    return rng.choice([
        f"set {name} = {value}", f"set session {name} to {value}",
        f"SET {name} TO {value}", f"select set_config('{name}', '{bare}', false)",
        "set time zone 'Asia/Tokyo'",
        "set names 'LATIN1'", "set schema 'public'",
        "set session characteristics as transaction isolation level serializable",
        f"/* note */ set {name} = {value}",
        f"select {words.setter(name)}('{bare}')",
        f"select {words.setter(name).upper()}_called('{bare}')",
        f"set {name} = {value}; select 1"])


@declare(PIECES, "settings", 14, inside=False)
def setting(s):
    rng = s.rng
    sql = change(s)
    first = [s.step(q(sql))]
    if rng.random() < 0.3 and ";" not in sql:
        first = [s.step(p("", sql), b(), d("P"), e(), SYNC)]
    if rng.random() < 0.2:
        first = [s.step(q(f"{sql}; {change(s)}; {words.plain(rng, s.schema)}"))]
    return [*first, s.step(q(words.probe(rng)))]


@declare(PIECES, "settings", 3)
def bad_setting(s):
    return [s.step(q(s.rng.choice(words.BAD_SETTINGS)))]


@declare(PIECES, "settings", 3, inside=False)
def setting_and_error(s):
    """A string of statements is one transaction: nothing of it stays."""
    return [s.step(q(f"{change(s)}; select 1/0")), s.step(q(words.probe(s.rng)))]


@declare(PIECES, "settings", 3, inside=False)
def setting_in_pipeline(s):
    rng = s.rng
    sql = change(s)
    if ";" in sql:
        sql = "set work_mem = '7MB'"
    error = [p("", "select 1/0"), b(), e()] if rng.random() < 0.4 else []
    return [s.step(p("", sql), b(), e(), *error, p("", words.probe(rng)), b(), e(), SYNC,
                   p("", words.probe(rng)), b(), e(), SYNC)]


@declare(PIECES, "settings_tx", 10, outside=False)
def setting_in_transaction(s):
    rng = s.rng
    sql = change(s)
    if ";" in sql or rng.random() < 0.6:
        return [s.step(q(sql)), s.step(q(words.probe(rng)))]
    return [s.step(p("", sql), b("set"), p("", words.probe(rng)), b(), e(), SYNC),
            s.step(e("set"), *([SYNC] if rng.random() < 0.5 else [FLUSH]),
                   p("", words.probe(rng)), b(), e(), SYNC)]


@declare(PIECES, "settings", 5)
def setting_prepared(s):
    """Prepared once, perhaps in vain, and bound again."""
    rng = s.rng
    sql = change(s)
    if ";" in sql:
        sql = "reset all" if s.may_reset() else "set work_mem = '7MB'"
    name = rng.choice(["set1", "set2"])
    use = [b("", name), e(), SYNC]
    return [s.step(*([c("S", name)] if rng.random() < 0.7 else []), p(name, sql), SYNC),
            s.step(*use), s.step(q(change(s))), s.step(*use),
            s.step(q(words.probe(rng)))]


@declare(PIECES, "settings", 3)
def setting_beside_rows(s):
    """While the unnamed portal was not read to its end."""
    sql = change(s)
    if ";" in sql:
        sql = "reset all" if s.may_reset() else "set work_mem = '7MB'"
    return [s.step(p("", "select generate_series(1, 9)"), b(), e("", 2), c("S", "set1"),
                   p("set1", sql), b("beside", "set1"), e("beside"), e("", 2),
                   c("P", "beside"), SYNC), s.step(q(words.probe(s.rng)))]


@declare(PIECES, "settings", 3)
def setting_by_parameter(s):
    rng = s.rng
    name = rng.choice(sorted(words.SETTINGS))
    value = rng.choice(words.SETTINGS[name]).strip("'").replace("''", "'").encode()
    if s.may_reset() and rng.random() < 0.5:
        value = None
    how = rng.choice(["false", "true"])
    return [s.step(*rng.choice([
        [p("", f"select set_config($1, $2, {how})"), d("S"),
         b("", "", [name.encode(), value])],
        [p("", f"select set_config('{name}', $1, {how})"), b("", "", [value])]]),
        e(), SYNC), s.step(q(words.probe(rng)))]


@declare(PIECES, "set_local", 6, outside=False)
def set_local(s):
    rng = s.rng
    name = rng.choice(sorted(words.SETTINGS))
    value = rng.choice(words.SETTINGS[name])
    bare = value.strip("'").replace("''", "'").replace("'", "''")
    return [s.step(q(rng.choice([f"set local {name} = {value}",
                                 f"select set_config('{name}', '{bare}', true)"]))),
            s.step(q(words.probe(rng)))]


@declare(PIECES, "set_local", 2, inside=False)
def set_local_outside(s):
    return [s.step(q("set local work_mem = '9MB'")), s.step(q(words.probe(s.rng)))]


@declare(PIECES, "role", 5)
def role(s):
    rng = s.rng
    return [s.step(q(rng.choice([
        "set role diff_role", "reset role", "set role none", "set session role diff_role",
        "set session authorization default", "reset session authorization",
        "select set_config('role', 'diff_role', false)", "set local role diff_role"]))),
        s.step(q(words.probe(rng))), s.step(q(words.plain(rng, s.schema)))]


@declare(PIECES, "sql_prepare", 10)
def sql_prepare(s):
    rng = s.rng
    name = rng.choice(["q1", "q2", "Q1", '"odd name"', "s1" if s.has("prepared_mixed")
                       else "q1"])
    sql = rng.choice([
        f"prepare {name} as select 'prepared', $1::int", f"prepare {name}(int) as "
        f"select id, v from {s.schema}.t where id < $1 order by id",
        f"execute {name}(3)", f"execute {name}(5)", f"execute {name}",
        f"deallocate {name}", f"DEALLOCATE PREPARE {name}", "deallocate all",
        f"prepare {name} as select 'no values'; execute {name}",
        f"prepare {name} as selec",
        f"explain (costs off, analyze off) execute {name}(1)"])
    if rng.random() < 0.3:
        return [s.step(p("", sql), b(), d("P"), e(), SYNC)]
    return [s.step(q(sql))]


@declare(PIECES, "sql_prepare", 4)
def sql_prepare_whole(s):
    return [s.step(q(f"prepare w{s.rng.randint(1, 2)} as select $1::text")),
            s.step(q("execute w1('x')")), s.step(q("execute w2('y')")),
            s.step(q("deallocate w1"))]


@declare(PIECES, "prepared_mixed", 5)
def mixed_names(s):
    """Both protocols share one space of names."""
    rng = s.rng
    mix = rng.choice(["mix", "mix", "m" * 66])  # PostgreSQL cuts the long one.
    return rng.choice([
        [s.step(q(f"prepare {mix} as select 'by sql', $1::int")),
         s.step(b("", mix, [b"1"]), e(), SYNC), s.step(d("S", mix), SYNC),
         s.step(c("S", mix), SYNC), s.step(q(f"execute {mix}(1)"))],
        [s.step(c("S", mix), p(mix, "select 'by protocol', $1::int"), SYNC),
         s.step(q(f"execute {mix}(2)")), s.step(q(f"deallocate {mix}")),
         s.step(b("", mix, [b"1"]), e(), SYNC)],
        [s.step(c("S", mix), p(mix, "select 'by protocol', $1::int"), SYNC),
         s.step(p("", f"execute {mix}(2)"), d("S"), b(), d("P"), e(), SYNC),
         s.step(p("", f"execute {mix}(3)"), SYNC),
         s.step(b(), e(), p("", rng.choice([f"deallocate {mix}", f"prepare {mix} as select 3",
                                            f"explain (costs off) execute {mix}(4)"])),
                b("p"), e("p"), SYNC),
         s.step(b("", mix, [b"1"]), e(), SYNC)],
        [s.step(c("S", mix), p(mix, "select 'by protocol'"), c("S", "use"),
                p("use", f"execute {mix}"), b("", "use"), d("P"), e(), SYNC),
         s.step(c("S", mix), SYNC), s.step(b("", "use"), e(), SYNC),
         s.step(p("", f"prepare {mix} as select 'by sql'"), b(), e(), SYNC),
         s.step(q(f"execute {mix}; deallocate {mix}"))],
        [s.step(p(mix, "select 'both'"), SYNC), s.step(q(f"prepare {mix} as select 2")),
         s.step(q("deallocate all")), s.step(b("", mix), e(), SYNC)]])


@declare(PIECES, "discard", 3)
def discard(s):
    words_ = ["discard plans", "discard temp", "discard sequences",
              "DISCARD TEMPORARY"]
    if s.may_reset():
        words_ += ["discard all", "discard all; select 1", "Discard All"]
    sql = s.rng.choice(words_)
    how = [q(sql)]
    if s.rng.random() < 0.3:
        how = [p("", sql), b(), d("P"), e(), SYNC]
    return [s.step(*how), s.step(q(words.probe(s.rng)))]


@declare(PIECES, "temp", 6)
def temporary(s):
    rng = s.rng
    name = rng.choice(["tt", "t"])
    drop = rng.choice([f"drop table pg_temp.{name}", "discard temp", "select 1"])
    commit = rng.choice(["", "", " on commit drop", " on commit delete rows"])
    if commit == " on commit drop" and "drop" in drop:
        drop = "discard temp"  # It may be gone, with all that told of the schema.
    return [s.step(q(f"create temp table {name} (x int){commit}")),
            s.step(q(f"insert into pg_temp.{name} select generate_series(1, 3)")),
            s.step(q(f"select sum(x) from pg_temp.{name}")),
            s.step(p("", f"select x from pg_temp.{name} order by x"), b(), e(), SYNC),
            s.step(q(drop)), s.step(q(words.leaks(rng)))]


@declare(PIECES, "temp", 2)
def temporary_other(s):
    return [s.step(q(s.rng.choice([
        "select g into temp into_t from generate_series(1, 3) g",
        "create temp sequence ts", "create temp view tv as select 1 as one",
        "create temporary table as_t as select 7 as x"]))),
        s.step(q("select (select count(*) from pg_class where relnamespace = "
                 "pg_my_temp_schema())"))]


@declare(PIECES, "listen", 6)
def listen(s):
    rng = s.rng
    channel = f"ch{s.serial}_{rng.randint(1, 2)}"
    return [s.step(q(f"listen {channel}")),
            s.step(q(rng.choice([
                f"notify {channel}, 'hello'", f"select pg_notify('{channel}', 'f')",
                f"notify {channel}; notify {channel}, 'two'; notify {channel}, 'two'",
                "select pg_listening_channels()"]))),
            s.step(q(rng.choice([f"unlisten {channel}", "unlisten *", "select 1"])))]


@declare(PIECES, "advisory", 6)
def advisory(s):
    rng = s.rng
    key = s.serial * 4 + rng.randint(0, 3)
    lock = rng.choice([
        f"select pg_advisory_lock({key})", f"select pg_try_advisory_lock({key})",
        f"select pg_advisory_lock_shared({key})", f"select pg_advisory_xact_lock({key})",
        f"select pg_advisory_lock(7, {key}), 'two keys'"])
    unlock = rng.choice([
        f"select pg_advisory_unlock({key})", f"select pg_advisory_unlock_shared({key})",
        "select pg_advisory_unlock_all()", f"select pg_advisory_unlock(7, {key})",
        "select 1"])
    held = ("select objid, mode from pg_locks where locktype = 'advisory' and "
            "pid = pg_backend_pid() order by 1, 2")
    return [s.step(q(lock)), s.step(q(held)), s.step(q(unlock)), s.step(q(held))]


@declare(PIECES, "cursor", 5, outside=False)
def cursor(s):
    rng = s.rng
    name = rng.choice(["cur", "cur2"])
    uses = [rng.choice([f"fetch 2 from {name}", f"fetch backward 1 from {name}",
                        f"move 3 in {name}", f"fetch all from {name}",
                        f"fetch absolute 2 from {name}"]) for _ in range(3)]
    steps = [s.step(q(f"declare {name} scroll cursor for select id from {s.schema}.t "
                      "order by id")), *(s.step(q(use)) for use in uses)]
    if rng.random() < 0.4:
        steps.append(s.step(d("P", name), e(name, 2), SYNC))
    return [*steps, s.step(q(f"close {name}"))]


@declare(PIECES, "hold", 4)
def hold(s):
    rng = s.rng
    name = rng.choice(["held", "held2"])
    return [s.step(q(f"declare {name} cursor with hold for select g from "
                     "generate_series(1, 20) g")),
            s.step(q(f"fetch 3 from {name}")), s.step(q(f"fetch 2 from {name}")),
            s.step(q(rng.choice([f"close {name}", "close all", "select 1"]))),
            s.step(q(words.leaks(rng)))]
