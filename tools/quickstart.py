"""Two tenants served by cenote in front of a private PostgreSQL, in one command.

  tools/quickstart            installs, builds, starts, shows, serves until Ctrl-C
  tools/quickstart --check    the same without serving: exit 0, or what failed
  tools/quickstart --stop     ends what it started
  tools/quickstart --background   leaves it running

All it makes is in .run/ (delete that to start afresh) and build/release/. Run it
as root or with sudo if packages are missing."""

import argparse
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
RUN = ROOT / ".run"
BUILD = ROOT / "build/release"
BINARY = BUILD / "bin/cenote"
CONFIG = RUN / "quickstart.toml"
TENANTS = [  # tenant, role, password, database: as in configs/quickstart.toml
    ("acme", "acme_app", "acme-quickstart", "acme_db"),
    ("globex", "globex_app", "globex-quickstart", "globex_db"),
]
BEGAN = time.monotonic()


class Failed(Exception):
    pass


def say(text: str) -> None:
    print(f"[{time.monotonic() - BEGAN:5.1f} s] {text}", flush=True)


def run(what: str, *command, log: str, **options) -> None:
    """Runs a command; after two seconds a line per ten seconds shows that it
    lives, with the last line it wrote. Its output goes to .run/<log>."""
    path = RUN / log
    say(what)
    with open(path, "wb") as out:
        child = subprocess.Popen([str(x) for x in command], stdout=out,
                                 stderr=subprocess.STDOUT, **options)
    over = threading.Event()

    def show() -> None:
        pause = 2
        while not over.wait(pause):
            lines = path.read_text(errors="replace").strip().splitlines()
            say(f"  … {lines[-1][:100] if lines else what}")
            pause = 10

    shower = threading.Thread(target=show, daemon=True)
    shower.start()
    try:
        status = child.wait()
    except BaseException:
        child.terminate()
        raise
    finally:
        over.set()
    if status != 0:
        tail = "\n".join(path.read_text(errors="replace").splitlines()[-25:])
        raise Failed(f"{what}: exit {status}; {path} ends:\n{tail}")


# -- PostgreSQL

def as_postgres() -> list:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def postgres_home() -> pathlib.Path:
    """.run/postgres, or where the user postgres may not go there (a clone in
    /root), a folder in /var/tmp to which .run/postgres is a link."""
    home = RUN / "postgres"
    if home.exists() or home.is_symlink():
        return home.resolve()
    reachable = subprocess.run([*as_postgres(), "test", "-x", str(RUN)],
                               capture_output=True, cwd="/").returncode == 0
    if reachable:
        home.mkdir()
    else:
        import tempfile
        home.symlink_to(tempfile.mkdtemp(prefix="cenote-quickstart-", dir="/var/tmp"))
    if as_postgres():
        shutil.chown(home.resolve(), "postgres", "postgres")
    home.resolve().chmod(0o755)
    return home.resolve()


def binaries() -> pathlib.Path:
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                   key=lambda path: float(path.parts[4]))
    if not found:
        raise Failed("no PostgreSQL in /usr/lib/postgresql: tools/install-packages")
    return found[-1].parent


def free_port(wanted: int = 0) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
            except OSError:
                continue
    raise Failed("no free port on 127.0.0.1")


def psql(port: int, user: str, password: str, database: str, sql: str, *more):
    done = subprocess.run(
        [binaries() / "psql", "-X", "-v", "ON_ERROR_STOP=1", *more, "-c", sql,
         f"host=127.0.0.1 port={port} user={user} dbname={database} "
         "connect_timeout=10"],
        env={**os.environ, "PGPASSWORD": password}, text=True, capture_output=True)
    if done.returncode != 0:
        raise Failed(f"psql as {user} to {database} on port {port}: "
                     + done.stderr.strip())
    return done.stdout


def start_postgres() -> int:
    home, tools = postgres_home(), binaries()
    data = home / "data"
    secret = "quickstart-superuser"
    if not (data / "ready").exists():
        if data.exists():
            shutil.rmtree(data)  # A first start that broke off.
        word = home / "password"
        word.write_text(secret + "\n")
        if as_postgres():
            shutil.chown(word, "postgres", "postgres")
        run("making a private PostgreSQL", *as_postgres(), tools / "initdb", "-D", data,
            "-U", "postgres", "-A", "scram-sha-256", "--pwfile", word, "-E", "UTF8",
            "--locale=C", "--no-sync", log="initdb.log", cwd="/")
    running = subprocess.run([*as_postgres(), tools / "pg_ctl", "-D", data, "status"],
                             capture_output=True, cwd="/").returncode == 0
    if running:
        port = int((data / "postmaster.pid").read_text().splitlines()[3])
        say(f"PostgreSQL runs already on port {port}")
    else:
        port = free_port()
        run(f"starting PostgreSQL on 127.0.0.1:{port}", *as_postgres(),
            tools / "pg_ctl", "-D", data, "-l", home / "log", "-w", "-o",
            f"-p {port} -c listen_addresses=127.0.0.1 "
            f"-c unix_socket_directories={home} -c fsync=off", "start",
            log="pg_ctl.log", cwd="/")
    for _, role, password, database in TENANTS:
        def ask(sql: str) -> str:
            return psql(port, "postgres", secret, "postgres", sql, "-A", "-t").strip()
        if not ask(f"select 1 from pg_roles where rolname = '{role}'"):
            ask(f"create role {role} login password '{password}'")
        if not ask(f"select 1 from pg_database where datname = '{database}'"):
            ask(f"create database {database} owner {role}")
    ready = subprocess.run([*as_postgres(), "touch", data / "ready"], cwd="/")
    if ready.returncode != 0:
        raise Failed(f"cannot write to {data}")
    return port


# -- cenote

def read_pid(file: pathlib.Path):
    """The process of a pid file if it is still the one that wrote it."""
    try:
        pid = int(file.read_text())
        name = os.readlink(f"/proc/{pid}/exe").split(" ")[0]
        return pid if pathlib.Path(name).name == "cenote" else None
    except (OSError, ValueError):
        return None


def write_config(pg_port: int) -> dict:
    ports = {"TX_PORT": free_port(6543), "SESSION_PORT": free_port(6544)}
    text = (ROOT / "configs/quickstart.toml").read_text()
    for key, value in {"PG_HOST": "127.0.0.1", "PG_PORT": pg_port, **ports}.items():
        text = text.replace(f"@{key}@", str(value))
    CONFIG.write_text(text)
    return ports


def start_cenote(pg_port: int) -> dict:
    stop_cenote()
    ports = write_config(pg_port)
    checked = subprocess.run([BINARY, "--check", CONFIG], text=True,
                             capture_output=True)
    if checked.returncode != 0:
        raise Failed(f"cenote --check {CONFIG}: {checked.stderr}{checked.stdout}")
    log = RUN / "cenote.log"
    with open(log, "wb") as out:
        child = subprocess.Popen([BINARY, CONFIG], stdout=out, stderr=out,
                                 stdin=subprocess.DEVNULL, start_new_session=True)
    (RUN / "cenote.pid").write_text(str(child.pid))
    say(f"cenote starts (process {child.pid}, log {log})")
    deadline = time.monotonic() + 30
    while True:
        if child.poll() is not None:
            raise Failed(f"cenote ended with {child.returncode}:\n{log.read_text()}")
        try:
            psql(ports["TX_PORT"], "admin", "admin-quickstart", "pgbouncer",
                 "show version")
            break
        except Failed as why:
            if time.monotonic() > deadline:
                raise Failed(f"cenote is not healthy after 30 s: {why}") from None
            time.sleep(0.05)
    say("cenote is healthy")
    return ports


def stop_cenote() -> None:
    file = RUN / "cenote.pid"
    pid = read_pid(file)
    if pid is not None:
        say(f"stopping cenote (process {pid})")
        for number, patience in ((signal.SIGTERM, 5), (signal.SIGTERM, 5),
                                 (signal.SIGKILL, 5)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and read_pid(file) == pid:
                try:
                    os.waitpid(pid, os.WNOHANG)  # If it is our child.
                except ChildProcessError:
                    pass
                time.sleep(0.02)
            if read_pid(file) != pid:
                break
    file.unlink(missing_ok=True)


def stop_all() -> None:
    stop_cenote()
    data = RUN / "postgres" / "data"
    if (data / "postmaster.pid").exists():
        say("stopping PostgreSQL")
        subprocess.run([*as_postgres(), binaries() / "pg_ctl", "-D", data.resolve(),
                        "-m", "fast", "-w", "stop"], capture_output=True, cwd="/")


# -- the whole way

def build() -> None:
    RUN.mkdir(exist_ok=True)
    missing = subprocess.run([ROOT / "tools/install-packages", "--build", "--missing"],
                             text=True, capture_output=True).stdout.strip()
    if missing:
        run("installing Debian packages", ROOT / "tools/install-packages", "--build",
            log="install.log")
    if not (BUILD / "build.ninja").exists():
        run("configuring", "cmake", "--preset", "release", log="cmake.log", cwd=ROOT)
    run("building cenote (minutes when it is the first time)", "cmake", "--build",
        BUILD, "--target", "cenote", log="build.log", cwd=ROOT,
        env={**os.environ, "NINJA_STATUS": "[%f/%t] "})


def show(ports: dict) -> None:
    for tenant, role, password, database in TENANTS:
        for name in ("TX_PORT", "SESSION_PORT"):
            sql = ("select current_database() as database, current_user as role, "
                   "split_part(version(), ' on ', 1) as server")
            answer = psql(ports[name], f"{role}.{tenant}", password, database, sql)
            if database not in answer or role not in answer:
                raise Failed(f"tenant {tenant} was not served:\n{answer}")
            if name == "TX_PORT":
                print(f"\ntenant {tenant}:\n{answer.rstrip()}", flush=True)
    shown = psql(ports["TX_PORT"], "admin", "admin-quickstart", "pgbouncer",
                 "show pools")
    if "cl_active" not in shown:
        raise Failed(f"the console did not show its pools:\n{shown}")


def explain(ports: dict) -> None:
    print("\nTry (transaction mode, session mode, console):")
    for tenant, role, password, database in TENANTS:
        for name in ("TX_PORT", "SESSION_PORT"):
            print(f"  psql postgresql://{role}.{tenant}:{password}@127.0.0.1:"
                  f"{ports[name]}/{database}")
    print("  psql postgresql://admin:admin-quickstart@127.0.0.1:"
          f"{ports['TX_PORT']}/pgbouncer -c 'show pools'")
    print(f"Configuration: {CONFIG} (edit it and send SIGHUP), "
          f"log: {RUN / 'cenote.log'}\n", flush=True)


def serve() -> None:
    say("serving; Ctrl-C ends it")
    try:
        while read_pid(RUN / "cenote.pid") is not None:
            time.sleep(0.5)
        raise Failed(f"cenote ended; see {RUN / 'cenote.log'}")
    except KeyboardInterrupt:
        print()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true")
    choice.add_argument("--stop", action="store_true")
    choice.add_argument("--background", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    RUN.mkdir(exist_ok=True)
    if options.stop:
        stop_all()
        return 0
    ending = not options.background
    try:
        build()
        ports = start_cenote(start_postgres())
        show(ports)
        explain(ports)
        if options.check:
            say("quickstart --check: all is well")
        elif not options.background:
            serve()
        return 0
    except Failed as why:
        ending = True
        print(f"\nquickstart failed: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        ending = True
        return 130
    finally:
        if ending:
            stop_all()


if __name__ == "__main__":
    sys.exit(main())
