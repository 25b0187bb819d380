"""Poolers that are measured if they are on PATH, each with a configuration that does
what the others' does: one database, `app` by SCRAM and `app_trust` without a password,
TLS for whoever asks, servers without TLS, as many of them, one mode per process."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from support import pgbouncer, ports, postgres, process


def program(name: str, other_than: str = None) -> str:
    """The first on PATH; empty: there is none."""
    for folder in os.get_exec_path():
        found = pathlib.Path(folder, name)
        if os.access(found, os.X_OK) and not (
                other_than and os.path.exists(other_than) and found.samefile(other_than)):
            return str(found)
    return ""


def newer_pgbouncer() -> str:
    return program("pgbouncer", pgbouncer.DEBIANS)


class Peer(process.Process):
    """`stand` has the server and the certificate; files lie in a folder of its own."""

    name = ""

    def __init__(self, stand, mode: str, pool_size: int):
        self.port = ports.free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=stand.folder))
        log = self.folder / "log"
        log.touch()
        command = self.configure(stand, mode, pool_size)
        postgres.give_to_postgres(self.folder, *self.folder.rglob("*"))
        super().__init__(command, [self.port], log, before=postgres.as_postgres(),
                         env={"HOME": str(self.folder)})

    def configure(self, stand, mode: str, pool_size: int) -> list:
        """Writes the files, returns the command."""
        raise NotImplementedError

    def write(self, name: str, text: str) -> pathlib.Path:
        path = self.folder / name
        path.write_text(text)
        return path


class Odyssey(Peer):
    name = "odyssey"

    def configure(self, stand, mode: str, pool_size: int) -> list:
        discard = "yes" if mode == "session" else "no"
        pool = (f'storage "postgresql"\npool "{mode}"\npool_size {pool_size}\n'
                f"pool_discard {discard}\npool_cancel yes\npool_rollback yes\n")
        file = self.write("odyssey.conf", f"""
daemonize no
log_to_stdout yes
log_session no
log_query no
log_debug no
log_stats no
log_format "%p %t %l %m\\n"
locks_dir "{self.folder}"
workers 1
listen {{
  host "127.0.0.1"
  port {self.port}
  tls "allow"
  tls_cert_file "{stand.cert}"
  tls_key_file "{stand.key}"
}}
storage "postgresql" {{
  type "remote"
  host "127.0.0.1"
  port {stand.pg.port}
}}
database "acme" {{
  user "app" {{
    authentication "scram-sha-256"
    password "{stand.verifier()}"
    storage_user "app"
    storage_password "{postgres.PASSWORD}"
    {pool}
  }}
  user "app_trust" {{
    authentication "none"
    {pool}
  }}
}}
""")
        return [program(self.name), str(file)]


class Pgagroal(Peer):
    name = "pgagroal"

    def configure(self, stand, mode: str, pool_size: int) -> list:
        file = self.write("pgagroal.conf", f"""
[pgagroal]
host = 127.0.0.1
port = {self.port}
log_type = console
log_level = warn
max_connections = {2 * pool_size}
validation = off
allow_unknown_users = false
update_process_title = never
unix_socket_dir = {self.folder}
pipeline = {mode}
tls = on
tls_cert_file = {stand.cert}
tls_key_file = {stand.key}

[primary]
host = 127.0.0.1
port = {stand.pg.port}
""")
        hba = self.write("pgagroal_hba.conf", "host all app_trust all trust\n"
                                              "host all app all scram-sha-256\n")
        limits = self.write("pgagroal_databases.conf",
                            f"acme app_trust {pool_size} {pool_size} 1\n"
                            f"acme app {pool_size} 1 1\n")
        users = self.folder / "pgagroal_users.conf"
        # It refuses to run as root, as pgagroal does.
        postgres.give_to_postgres(self.folder)
        admin = [*postgres.as_postgres(), shutil.which("pgagroal-admin"), "-f", str(users),
                 "-P", postgres.PASSWORD]
        for what in (["master-key"], ["-U", "app", "user", "add"],
                     ["-U", "app_trust", "user", "add"]):
            subprocess.run([*admin, *what], check=True, timeout=30, capture_output=True,
                           env=os.environ | {"HOME": str(self.folder)})
        return [program(self.name), "-c", str(file), "-a", str(hba), "-l", str(limits),
                "-u", str(users)]


OTHERS = {x.name: x for x in (Odyssey, Pgagroal)}


def missing(targets: list) -> dict:
    """Those that are not here, and why."""
    found = {}
    for target in targets:
        if target == "pgbouncer-newer" and not newer_pgbouncer():
            found[target] = "no pgbouncer on PATH but Debian's"
        elif target in OTHERS and not program(target):
            found[target] = f"no {target} on PATH"
    return found


def server_port(targets: list):
    """pgagroal (1.6, 2.1) has room for four digits in a server's port, and ends when
    there are more."""
    return ports.free_port(range(5000, 10_000)) if "pgagroal" in targets else None
