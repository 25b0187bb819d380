"""A private PostgreSQL: own data directory, own port, own certificates."""

import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import psycopg2

from . import certs, ports

PASSWORD = "wonder'land \\1"  # Quotes and backslashes travel through everything.

# role -> the method PostgreSQL asks it for (and keeps its password as).
ROLES = {
    "app": "scram-sha-256",
    "other": "scram-sha-256",
    "app_md5": "md5",
    "app_plain": "password",
    "app_trust": "trust",
}
DATABASES = ("acme", "globex", "app")


def binaries() -> pathlib.Path:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"),
                   key=lambda path: float(path.split("/")[4]))
    if not found:
        raise RuntimeError("no PostgreSQL here: run tools/install-packages")
    return pathlib.Path(found[-1]).parent


def as_postgres() -> list:
    """PostgreSQL refuses to run as root; then it runs as its own user."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def give_to_postgres(*paths) -> None:
    if os.geteuid() == 0:
        who = pwd.getpwnam("postgres")
        for path in paths:
            os.chown(path, who.pw_uid, who.pw_gid)


class Postgres:
    def __init__(self, max_connections: int = 120, settings: dict = None,
                 tls: bool = True, port: int = None):
        self.bin = binaries()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="cenote-pg-"))
        self.home.chmod(0o755)
        self.data = self.home / "data"
        self.log = self.home / "log"
        self.socket_dir = self.home / "socket"
        self.socket_dir.mkdir()
        self.port = port or ports.free_port()
        self.settings = {
            "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
            "max_connections": max_connections, "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.socket_dir),
            "shared_buffers": "32MB", "log_min_messages": "warning",
            "superuser_reserved_connections": 5, "port": self.port,
            "max_prepared_transactions": 5, "lc_messages": "C",
            "timezone": "UTC", "log_timezone": "UTC",
            # asyncpg's look at a new type is compiled for seconds, longer than
            # clients wait for it where others keep the machine busy.
            "jit": "off"}
        if tls:
            self.authority = certs.Authority(self.home / "tls", "pg-ca")
            self.cert, self.key = self.authority.issue("postgres")
            give_to_postgres(self.key, self.cert)
            self.settings |= {"ssl": "on", "ssl_cert_file": str(self.cert),
                              "ssl_key_file": str(self.key)}
        self.settings |= settings or {}
        give_to_postgres(self.home, self.socket_dir)
        self._guard()
        self._initdb()

    def _guard(self) -> None:
        """Cleans up after a test run that was killed and could not."""
        script = (f"while kill -0 {os.getpid()} 2>/dev/null; do sleep 1; done; "
                  f"kill -QUIT $(head -n 1 {self.data}/postmaster.pid) 2>/dev/null; "
                  f"sleep 1; rm -rf {self.home}")
        self.guard = subprocess.Popen(["sh", "-c", script], start_new_session=True,
                                      stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)

    def _run(self, *command: str) -> None:
        done = subprocess.run([*as_postgres(), *command], capture_output=True,
                              text=True, cwd="/")
        if done.returncode != 0:
            log = self.log.read_text()[-2000:] if self.log.exists() else ""
            raise RuntimeError(f"{command}: {done.stderr}{done.stdout}{log}")

    def _initdb(self) -> None:
        self._run(str(self.bin / "initdb"), "-D", str(self.data), "-U", "postgres",
                  "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        lines = ["local all postgres trust", "host all postgres 127.0.0.1/32 trust"]
        for role, method in ROLES.items():
            lines += [f"host all {role} 127.0.0.1/32 {method}",
                      f"local all {role} {method}"]
        self.write_hba(lines)
        with open(self.data / "postgresql.conf", "a") as conf:
            for key, value in self.settings.items():
                conf.write(f"{key} = '{value}'\n")
        self.start()
        quoted = "'" + PASSWORD.replace("'", "''") + "'"
        with self.connect() as db, db.cursor() as cursor:
            for role, method in ROLES.items():
                kept = "md5" if method == "md5" else "scram-sha-256"
                cursor.execute(f"set password_encryption = '{kept}'")
                cursor.execute(f"create role {role} login password {quoted}")
            for name in DATABASES:
                cursor.execute(f"create database {name} owner app")
        for name in DATABASES:
            with self.connect(dbname=name) as db, db.cursor() as cursor:
                cursor.execute("grant all on schema public to public")

    def write_hba(self, lines: list) -> None:
        path = self.data / "pg_hba.conf"
        path.write_text("\n".join(lines) + "\n")
        give_to_postgres(path)

    def connect(self, dbname: str = "postgres", **more):
        """A superuser's psycopg2 connection, autocommit, over the unix socket."""
        db = psycopg2.connect(host=str(self.socket_dir), port=self.port,
                              user="postgres", dbname=dbname, **more)
        db.autocommit = True
        return _Closing(db)

    def query(self, sql: str, *args, dbname: str = "postgres"):
        with self.connect(dbname) as db, db.cursor() as cursor:
            cursor.execute(sql, args or None)
            return cursor.fetchall() if cursor.description else None

    def server_pids(self, role: str = "app", dbname: str = None) -> list:
        """The servers that a pooler (or anybody) has open as `role`."""
        rows = self.query(
            "select pid from pg_stat_activity where usename = %s and "
            "(%s::text is null or datname = %s) order by pid", role, dbname, dbname)
        return [row[0] for row in rows]

    def terminate(self, role: str = "app") -> int:
        return len(self.query("select pg_terminate_backend(pid) from "
                              "pg_stat_activity where usename = %s", role))

    def start(self) -> None:
        self._run(str(self.bin / "pg_ctl"), "-D", str(self.data), "-l",
                  str(self.log), "-w", "-t", "60", "start")

    def stop(self, mode: str = "fast") -> None:
        """mode: smart, fast or immediate."""
        self._run(str(self.bin / "pg_ctl"), "-D", str(self.data), "-w", "-m", mode,
                  "stop")

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def reload(self) -> None:
        self._run(str(self.bin / "pg_ctl"), "-D", str(self.data), "reload")

    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    def kill(self) -> None:
        """As if the machine had lost it: no goodbye to anybody."""
        os.kill(self.pid(), signal.SIGKILL)

    def running(self) -> bool:
        return ports.accepts(self.port)

    def destroy(self) -> None:
        try:
            self.stop("immediate")
        except RuntimeError:
            pass  # It was stopped already.
        self.guard.kill()
        self.guard.wait()
        shutil.rmtree(self.home, ignore_errors=True)


class _Closing:
    """psycopg2's own `with` ends the transaction, not the connection."""

    def __init__(self, db):
        self.db = db

    def __enter__(self):
        return self.db

    def __exit__(self, *_):
        self.db.close()
