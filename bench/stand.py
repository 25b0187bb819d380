"""What the scripts of bench/ share: a private PostgreSQL with pgbench's tables, the
poolers in front of it, programs run against them, progress lines, tables.

A target is a word: "direct" (no pooler), "forwarder" (floor/forwarder.cpp: passes bytes
on and does nothing else), "forwarder-uring" (the same with io_uring), "splice" (the
same through a pipe), "pool-uring" (floor/pool_uring.cpp: clients over as many servers
as the poolers have, and nothing else, with io_uring), "pgbouncer" (Debian's),
"pgbouncer-newer" (another one, the first on PATH that is not Debian's), "odyssey" and
"pgagroal" (if they are on PATH: peers.py), "cenote" (the engine that it takes by
itself), "cenote-epoll", "cenote-uring"; "cenote-one" has one shard instead of one per
core, "cenote-lanes" has each pool on all shards; "pgbouncer-unix" and "cenote-unix"
reach PostgreSQL by its unix socket."""

import argparse
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import (certs, configs, forbid, pgbouncer, ports, postgres,  # noqa: E402
                     process)

import peers  # noqa: E402  It needs `support`.

ENGINES = {"cenote": "auto", "cenote-epoll": "epoll", "cenote-uring": "io_uring",
           "cenote-one": "auto", "cenote-lanes": "auto", "cenote-unix": "auto"}
PEERS = ("pgbouncer", "pgbouncer-unix", "pgbouncer-newer", *peers.OTHERS)
# The programs of floor/, which lie beside the cenote that is measured.
FLOORS = {"forwarder": "bench_forwarder", "splice": "bench_forwarder",
          "forwarder-uring": "bench_uring_forwarder", "pool-uring": "bench_pool_uring"}
TARGETS = ("direct", *FLOORS, *PEERS, *ENGINES)
BEGAN = time.monotonic()


class Unfit(Exception):
    """The script cannot run here, and says why."""


def say(text: str) -> None:
    print(f"[{time.monotonic() - BEGAN:6.1f} s] {text}", file=sys.stderr, flush=True)


class Stand:
    """PostgreSQL, and the poolers that were asked for. `with` ends them all."""

    def __init__(self, scale: int = 1, max_connections: int = 200,
                 server_port: int = None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cenote-bench-"))
        self.folder.chmod(0o755)
        self.running = []
        say("starting PostgreSQL")
        self.pg = postgres.Postgres(settings={
            "shared_buffers": "256MB", "max_wal_size": "4GB", "autovacuum": "off"},
            max_connections=max_connections, port=server_port)
        try:
            self.cert, self.key = certs.Authority(self.folder).issue("bench")
            postgres.give_to_postgres(self.cert, self.key)
            self._fill(scale)
        except BaseException:
            self.end()
            raise

    def _fill(self, scale: int) -> None:
        say(f"filling the tables, scale {scale}")
        self.run([self.pg.bin / "pgbench", "-i", "-q", "-s", scale], self.pg.port,
                 user="postgres")
        self.pg.query("grant all on all tables in schema public to public",
                      dbname="acme")
        self.pg.query("vacuum analyze", dbname="acme")

    def verifier(self) -> str:
        """With it neither pooler must derive keys, and both can log in with the
        client's."""
        return self.pg.query("select rolpassword from pg_authid where rolname = "
                             "'app'")[0][0]

    def host(self, target: str) -> str:
        return str(self.pg.socket_dir) if target.endswith("-unix") else "127.0.0.1"

    def pgbouncer(self, mode: str = "transaction", pool_size: int = 20,
                  databases: dict = None, before: list = (),
                  host: str = "127.0.0.1", program: str = pgbouncer.DEBIANS,
                  **settings) -> pgbouncer.PgBouncer:
        """Users as in `cenote`: `app` by SCRAM, `app_trust` without a password.
        `before`: a command that runs pgbouncer."""
        hba = self.folder / "hba"
        hba.write_text("host all app_trust 127.0.0.0/8 trust\n"
                       "host all app 127.0.0.0/8 scram-sha-256\n"
                       "host all admin 127.0.0.0/8 scram-sha-256\n")
        one = pgbouncer.PgBouncer(
            ports.free_port(),
            databases or {"acme": f"host={host} port={self.pg.port}"},
            {"app": self.verifier(), "app_trust": "", "admin": "admin-pw"},
            {"pool_mode": mode, "default_pool_size": pool_size,
             "max_client_conn": 100_000, "auth_type": "hba", "auth_hba_file": hba,
             "client_tls_sslmode": "allow", "client_tls_cert_file": self.cert,
             "client_tls_key_file": self.key, "server_tls_sslmode": "disable"}
            | settings, program, before)
        return self._started(one)

    def cenote(self, target: str = "cenote", pool_size: int = 20,
               session_pool_size: int = 0, edit=None, **options) -> process.Cenote:
        """One process with a listener for each mode. Sessions ask for the database
        under another name, so that their pool can have a server for each client.
        `edit` changes the configuration, `options` are `process.Cenote`'s."""
        config = configs.plain(self.pg)
        config["cenote"] = {"engine": ENGINES[target], "max_clients": 100_000,
                            "log": {"level": "warn"}}
        if target == "cenote-one":
            config["cenote"]["shards"] = 1
        if target == "cenote-lanes":
            shards = max(2, len(os.sched_getaffinity(0)))
            config["cenote"] |= {"shards": shards, "lanes": shards}
        config["tls"] = {"client": {"mode": "allow", "certificate": str(self.cert),
                                    "key": str(self.key)}}
        config["tenant"] = [configs.tenant(self.pg, "", databases=[
            configs.database(self.pg, "acme", pool_size=pool_size,
                             host=self.host(target)),
            configs.database(self.pg, "acme_sessions", dbname="acme",
                             host=self.host(target),
                             pool_size=session_pool_size or pool_size)],
            users=[{"name": "app", "password": self.verifier()},
                   {"name": "app_trust", "auth": "trust"}])]
        if edit:
            edit(config)
        folder = tempfile.mkdtemp(prefix=f"{target}-", dir=self.folder)
        one = self._started(process.Cenote(config, folder=folder, **options))
        if ENGINES[target] == "io_uring" and "io_uring is refused" in one.text():
            self.stop(one)
            raise Unfit("io_uring is refused")
        return one

    def forwarder(self, target: str) -> process.Process:
        """One connection to PostgreSQL for each of a client's."""
        return self._floor(target, *(["splice"] if target == "splice" else []))

    def bare_pool(self, mode: str, size: int) -> process.Process:
        return self._floor("pool-uring", str(size), mode)

    def _floor(self, target: str, *how: str) -> process.Process:
        port = ports.free_port()
        return self._started(process.Process(
            [str(floor(target)), str(port), str(self.pg.port), *how], [port],
            self.folder / "-".join([target, *how, "log"])))

    def pooler(self, target: str, pool_size: int = 20, **options):
        """Either of the two, in transaction mode."""
        if target == "pgbouncer":
            return self.pgbouncer(pool_size=pool_size, **options)
        return self.cenote(target, pool_size=pool_size, **options)

    def _started(self, one: process.Process) -> process.Process:
        self.running.append(one)
        return one.start()

    def stop(self, one: process.Process) -> None:
        one.kill()
        self.running.remove(one)
        if hasattr(one, "folder"):
            shutil.rmtree(one.folder, ignore_errors=True)

    def run(self, command: list, port: int, user: str = "app_trust",
            database: str = "acme", tls: bool = False, stdin=None,
            seconds: float = 300) -> str:
        """Runs a PostgreSQL client; returns all that it printed."""
        env = self.environment(port, user, database, tls)
        done = subprocess.run([str(x) for x in command], env=env, text=True,
                              cwd=self.folder, capture_output=True, timeout=seconds,
                              stdin=stdin or subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr[-2000:]}")
        return done.stdout + done.stderr

    @staticmethod
    def environment(port: int, user: str = "app_trust", database: str = "acme",
                    tls: bool = False) -> dict:
        """Of a PostgreSQL client."""
        return os.environ | {
            "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": user,
            "PGPASSWORD": postgres.PASSWORD, "PGDATABASE": database,
            "PGSSLMODE": "require" if tls else "disable"}

    def pgbench(self, options: list, port: int, **how) -> str:
        return self.run([self.pg.bin / "pgbench", "-n", *options], port, **how)

    def latencies(self, options: list, port: int, **how) -> list:
        """Of each transaction of a pgbench, in milliseconds, sorted."""
        return sorted(took for _, took in self.logged(options, port, **how))

    def logged(self, options: list, port: int, **how) -> list:
        """Each transaction of a pgbench: when it ended (s), how long it took (ms)."""
        prefix = tempfile.mkdtemp(prefix="log-", dir=self.folder) + "/log"
        self.pgbench(["-l", "--log-prefix", prefix, *options], port, **how)
        return read_log(pathlib.Path(prefix).parent)

    def end(self) -> None:
        for one in list(self.running):
            self.stop(one)
        self.pg.destroy()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def floor(target: str) -> pathlib.Path:
    return pathlib.Path(process.binary()).parent / FLOORS[target]


def read_log(folder: pathlib.Path) -> list:
    """From the logs of a `pgbench -l`, which go: client, number, µs it took, script,
    when it ended as seconds and µs."""
    found = []
    for file in folder.iterdir():
        with open(file) as lines:
            for line in lines:
                words = line.split()
                found.append((int(words[4]) + int(words[5]) / 1e6, int(words[2]) / 1000))
        file.unlink()
    folder.rmdir()
    if not found:
        raise RuntimeError("pgbench finished no transaction")
    return found


def percentile(values: list, percent: float) -> float:
    """`values` are sorted."""
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def transactions(said: str) -> int:
    """How many a pgbench finished; fails if one failed."""
    failed = re.search(r"failed transactions: (\d+)", said)
    if failed and failed.group(1) != "0":
        raise RuntimeError(said)
    return int(re.search(r"actually processed: (\d+)", said).group(1))


# -- the command line ---------------------------------------------------------


def arguments(doc: str, targets: str = "pgbouncer,cenote-epoll,cenote-uring"):
    """A parser with what all scripts have."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", default=targets, help="default: %(default)s")
    return parser


def checked_targets(parser, text: str, allowed=TARGETS) -> list:
    """The targets asked for; those that this machine has not are left out."""
    targets = text.split(",")
    if unknown := set(targets) - set(allowed):
        parser.error("no such target: " + ", ".join(sorted(unknown)))
    os.environ.setdefault("CENOTE_BIN", str(ROOT / "build/release/bin/cenote"))
    if set(targets) & set(ENGINES) and not os.access(process.binary(), os.X_OK):
        parser.error(f"no {process.binary()}; build it: cmake --preset release && "
                     "cmake --build --preset release")
    for program in {floor(target) for target in targets if target in FLOORS}:
        if not os.access(program, os.X_OK):
            parser.error(f"no {program}; build it: cmake --preset release && cmake "
                         "--build --preset release --target bench_forwarders")
    for target, why in peers.missing(targets).items():
        say(f"{why}: {target} is left out")
        targets.remove(target)
    if not forbid.allows_io_uring():
        for target in [x for x in targets if x.endswith("-uring")]:
            say(f"this system has no io_uring, or forbids it: {target} is left out")
            targets.remove(target)
    return targets


def descriptors(wanted: int) -> int:
    """Raises this process's limit as far as it may, up to `wanted`, for itself and
    what it starts; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if limit > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(limit, soft)


# -- tables -------------------------------------------------------------------


def short(value) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(head: list, rows: list) -> str:
    """Markdown. Numbers are made short, None is empty."""
    def line(cells):
        return "| " + " | ".join(cells) + " |"
    made = [line(head), "|" + "---|" * len(head)]
    for row in rows:
        made.append(line([x if isinstance(x, str) else short(x) for x in row]))
    return "\n".join(made)
