"""Debian's pgbouncer: the peer in the bench, and a stand-in for cenote while a
test is being written (CENOTE_STANDIN=pgbouncer; =postgres: no pooler at all)."""

import os
import pathlib
import tempfile

from . import postgres, process

DEBIANS = "/usr/sbin/pgbouncer"


class PgBouncer(process.Process):
    """One listener in one pool mode. `databases` maps names to connect strings,
    `users` names to passwords or hashes. `before`: a command that runs it."""

    def __init__(self, port: int, databases: dict, users: dict,
                 settings: dict = None, program: str = DEBIANS, before: list = ()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cenote-bouncer-"))
        self.file = self.folder / "pgbouncer.ini"
        userlist = self.folder / "userlist.txt"
        userlist.write_text("".join(
            '"{}" "{}"\n'.format(name, word.replace('"', '""'))
            for name, word in users.items()))
        options = {
            "listen_addr": "127.0.0.1", "listen_port": port, "auth_file": userlist,
            "auth_type": "scram-sha-256", "unix_socket_dir": "",
            "max_client_conn": 2000, "default_pool_size": 20,
            "ignore_startup_parameters": "extra_float_digits,options",
            "admin_users": "admin", "stats_users": "stats",
            "log_connections": 0, "log_disconnections": 0, "log_stats": 0}
        options |= settings or {}
        lines = ["[databases]"]
        lines += [f"{name} = {text}" for name, text in databases.items()]
        lines += ["[pgbouncer]"]
        lines += [f"{key} = {value}" for key, value in options.items()]
        self.file.write_text("\n".join(lines) + "\n")
        log = self.folder / "log"
        log.touch()
        postgres.give_to_postgres(self.folder, self.file, userlist, log)
        super().__init__([program, str(self.file)], [port], log,
                         before=[*postgres.as_postgres(), *before])


class StandIn:
    """Looks like `process.Cenote` to a test: one pgbouncer per listener, the
    first user of each tenant for its databases. Only what the shape allows."""

    def __init__(self, config: dict, env: dict = None, folder=None):
        self.config = config
        self.bouncers = []
        users = {"admin": "admin-pw", "stats": "stats-pw"}
        databases = {}
        for tenant in config["tenant"]:
            suffix = f".{tenant['id']}" if tenant["id"] else ""
            for user in tenant["user"]:
                users[user["name"] + suffix] = user.get("password", "")
            role = tenant["user"][0]
            for database in tenant["database"]:
                word = role.get("password", "").replace("'", "''")
                databases[database["name"]] = (
                    f"host={database['host']} port={database['port']} "
                    f"user={role['name']} password='{word}' "
                    f"pool_size={database.get('pool_size', 20)}")
        for listener in config["listener"]:
            settings = {"pool_mode": listener.get("pool_mode", "session")}
            self.bouncers.append(
                PgBouncer(listener["port"], databases, users, settings))

    port = process.Cenote.port
    console = process.Cenote.console

    def start(self):
        for bouncer in self.bouncers:
            bouncer.start()
        return self

    def text(self) -> str:
        return "".join(bouncer.text() for bouncer in self.bouncers)

    def stop(self, *_, **__) -> None:
        for bouncer in self.bouncers:
            bouncer.kill()

    kill = stop

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Direct:
    """No pooler: what a test expects must hold for PostgreSQL itself."""

    def __init__(self, config: dict, env: dict = None, folder=None):
        self.server_port = config["tenant"][0]["database"][0]["port"]

    def port(self, mode: str = "transaction") -> int:
        return self.server_port

    def start(self):
        return self

    def text(self) -> str:
        return ""

    def stop(self, *_, **__) -> None:
        pass

    kill = stop


def stand_in():
    """The class that CENOTE_STANDIN asks for, or None."""
    return {"pgbouncer": StandIn, "postgres": Direct}.get(
        os.environ.get("CENOTE_STANDIN"))


def user_name(name: str) -> str:
    """PostgreSQL itself knows no tenants."""
    return name.split(".")[0] if stand_in() is Direct else name
