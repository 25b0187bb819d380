"""Two ways to PostgreSQL side by side: a database that is reached directly, and its
twin that is reached through the pooler (or directly too, to test the test)."""

import shutil
import tempfile
import time

import psycopg2
import words
from support import configs, postgres, process

SLOTS_MAX = 32
SCHEMA = """
create schema diff;
grant all on schema diff to public;
create function diff.reset(s text) returns text language plpgsql
security definer set client_min_messages = warning as $$
begin
  if to_regnamespace(s) is null then
    execute format('create schema %1$I; grant all on schema %1$I to app;
      grant usage on schema %1$I to diff_role;
      create table %1$I.t (id int primary key, v text, n numeric);
      create table %1$I.c (id int, k int unique deferrable initially deferred);
      create sequence %1$I.sq;
      grant all on all tables in schema %1$I to app;
      grant all on all sequences in schema %1$I to app;
      alter table %1$I.t owner to app;', s);
  end if;
  execute format('drop table if exists %1$I.x; delete from %1$I.t;
    delete from %1$I.c; select setval(''%1$I.sq'', 1);
    insert into %1$I.t select g, ''v'' || g, g from generate_series(1, 20) g', s);
  return 'ready';
end $$;
""" + "".join(f"""
create function {words.setter(name)}(v text) returns text language plpgsql as $$
begin return set_config('{name}', v, false); end $$;
create function {words.setter(name)}_called(v text) returns text language sql as $$
select {words.setter(name)}(v) $$;
""" for name in words.SETTINGS)


class World:
    """`against`: "cenote" or "postgres"."""

    def __init__(self, against: str, mode: str, clients: int, pool: int,
                 extra: dict = None):
        self.mode, self.clients = mode, clients
        self.pool = clients if mode == "session" or against == "postgres" else pool
        self.pg = postgres.Postgres(tls=False, settings={
            "jit": "off", "max_pred_locks_per_transaction": 256,
            # EXPLAIN shows plans; statistics may not come to one way alone.
            "autovacuum": "off"})
        self.folder = None
        self.pooler = None
        try:
            self._tables()
            self.direct_port = self.pg.port
            self.other_port, self.other_database = self.pg.port, "diff_b"
            if against == "cenote":
                self._cenote(extra or {})
        except BaseException:
            self.destroy()
            raise

    def _tables(self) -> None:
        self.pg.write_hba(["local all all trust", "host all all 127.0.0.1/32 trust"])
        self.pg.reload()
        self.pg.query("create role diff_role nologin")
        self.pg.query("grant diff_role to app")
        self.pg.query("create database diff_a owner app")
        with self.pg.connect("diff_a") as db, db.cursor() as cursor:
            cursor.execute(SCHEMA)
            for slot in range(self.clients):
                cursor.execute("select diff.reset(%s)", (f"d{slot}",))
        # The twin has the same object ids.
        self.pg.query("create database diff_b template diff_a owner app")

    def _cenote(self, extra: dict) -> None:
        database = configs.database(self.pg, "diff_a", dbname="diff_b",
                                    pool_size=self.pool) | extra
        config = {"cenote": {"shards": extra.get("lanes", 1), "log": {"level": "warn", "format": "text"}},
                  "listener": [configs.listener(self.mode)],
                  "admin": configs.admins(),
                  "tenant": [configs.tenant(self.pg, "", [configs.user(auth="trust")],
                                            [database])]}
        self.folder = tempfile.mkdtemp(prefix="cenote-diff-")
        self.pooler = process.Cenote(config, folder=self.folder).start()
        self.other_port, self.other_database = self.pooler.port(self.mode), "diff_a"

    def fresh(self) -> None:
        """A pooler that knows nothing, in the place of this one."""
        if self.pooler is not None:
            self.pooler.kill()
            self.pooler.start()

    def log_tail(self) -> str:
        return self.pooler.text()[-3000:] if self.pooler else ""

    def alive(self) -> bool:
        return self.pooler is None or self.pooler.alive()

    def crashes(self) -> int:
        """How often PostgreSQL lost a server to a bug of its own."""
        return self.pg.log.read_text(errors="replace").count("was terminated by signal")

    def recovered(self) -> None:
        """Waits until PostgreSQL accepts connections again."""
        ends = time.monotonic() + 30
        while True:
            try:
                return self.pg.query("select 1")
            except psycopg2.OperationalError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.1)

    def finish(self) -> None:
        """Stops the pooler and fails unless it ends well."""
        if self.pooler is not None:
            self.pooler.stop()

    def destroy(self) -> None:
        if self.pooler is not None:
            self.pooler.kill()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.pg.destroy()
