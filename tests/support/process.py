"""A pooler as a child process: its files, its log, its signals, its end."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

from . import ports, toml

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What a sanitizer or an assertion leaves in the log.
_REPORTS = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer"
    r"|runtime error: |CENOTE_ASSERT|assertion .* failed|terminate called", re.I)


def binary() -> str:
    return os.environ.get("CENOTE_BIN", str(ROOT / "build/dev/bin/cenote"))


def _die_with_parent() -> None:
    """A test run that is killed leaves no pooler behind: prctl(2)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    """One program. The end of the `with` block asks it to stop and checks how it
    went: the exit status and what sanitizers wrote."""

    def __init__(self, command: list, listeners: list, log: pathlib.Path,
                 env: dict = None, before: list = ()):
        self.command = [*before, *command]
        self.listeners = listeners
        self.log = log
        self.env = env or {}
        self.child = None

    def start(self):
        sanitizers = {
            "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "TSAN_OPTIONS": "exitcode=98:second_deadlock_stack=1:suppressions="
                            + str(ROOT / "tests/support/tsan.supp")}
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                self.command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                env={**sanitizers, **os.environ, **self.env},
                preexec_fn=_die_with_parent)
        try:
            ports.eventually(self._up, f"{self.command[0]} listens", 60)
        except BaseException:
            self.kill()
            raise
        return self

    def _up(self) -> bool:
        if self.child.poll() is not None:
            raise AssertionError(f"{self.command} ended with {self.child.returncode}"
                                 f":\n{self.text()[-4000:]}")
        return all(ports.accepts(port) for port in self.listeners)

    def pid(self) -> int:
        return self.child.pid

    def alive(self) -> bool:
        return self.child.poll() is None

    def send_signal(self, number: int) -> None:
        self.child.send_signal(number)

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_log(self, pattern: str, seconds: float = 20, start: int = 0):
        """Waits for a line that matches; `start` is an offset in the log."""
        return ports.eventually(
            lambda: re.search(pattern, self.text()[start:]),
            f"log has {pattern!r}; it ends: {self.text()[-1500:]}", seconds)

    def wait_exit(self, seconds: float = 30) -> int:
        patience = ports.Patience(seconds)
        while True:
            try:
                return self.child.wait(0.1)
            except subprocess.TimeoutExpired:
                if patience.is_over():
                    raise

    def check_log(self) -> None:
        found = _REPORTS.search(self.text())
        assert found is None, self.text()[max(0, found.start() - 500):][:6000]

    def stop(self, number: int = signal.SIGTERM, expect: int = 0) -> None:
        """Ends it and fails unless it ended well."""
        if self.child is None:
            return
        if self.alive():
            self.send_signal(number)
            try:
                self.wait_exit()
            except subprocess.TimeoutExpired:
                where = stacks(self.pid())
                self.send_signal(signal.SIGABRT)  # A core or a stack beats silence.
                self.child.wait(10)
                raise AssertionError(
                    f"still running 30 s after signal {number}; its threads:\n{where}"
                    f"\nthe log ends:\n{self.text()[-3000:]}") from None
        self.check_log()
        status = self.child.returncode
        assert status == expect, f"exit {status}:\n{self.text()[-3000:]}"

    def kill(self) -> None:
        if self.child is not None and self.alive():
            self.child.kill()
            self.child.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop(expect=self.expect_exit())
        else:
            print(f"--- {self.log}, the end ---\n{self.text()[-6000:]}")
            self.kill()

    def expect_exit(self) -> int:
        return 0


class Cenote(Process):
    """cenote with a configuration given as a dict (DESIGN section 11).
    CENOTE_TEST_ENGINE names the engine where the dict does not, else it is
    epoll. `before`: a command that runs cenote's."""

    def __init__(self, config: dict, env: dict = None, folder: pathlib.Path = None,
                 before: list = ()):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="cenote-run-"))
        self.folder.mkdir(exist_ok=True, parents=True)
        self.file = self.folder / "cenote.toml"
        self.config = config
        self.write(config)
        super().__init__([binary(), str(self.file)],
                         [x["port"] for x in config["listener"]],
                         self.folder / "log", env, before)

    def write(self, config: dict) -> None:
        """Replaces the file in one step, as a careful operator does."""
        self.config = config
        fresh = self.file.with_suffix(".new")
        engine = os.environ.get("CENOTE_TEST_ENGINE", "epoll")
        config = config | {"cenote": {"engine": engine} | config.get("cenote", {})}
        fresh.write_text(toml.dumps(config))
        os.replace(fresh, self.file)

    def port(self, mode: str = "transaction") -> int:
        for listener in self.config["listener"]:
            if listener.get("pool_mode") == mode:
                return listener["port"]
        raise KeyError(f"no listener in {mode} mode")

    def reload(self, config: dict = None, by_signal: bool = True) -> None:
        """Writes the configuration (if given), sends SIGHUP and waits for the
        log to say what became of it."""
        start = len(self.text())
        if config is not None:
            self.write(config)
        if by_signal:
            self.send_signal(signal.SIGHUP)
        self.wait_log(r"(?i)reload", start=start)

    def metrics(self) -> str:
        """What GET /metrics says; the configuration has to have `admin.http`."""
        where = f"http://{self.config['admin']['http']}/metrics"
        with urllib.request.urlopen(where, timeout=20) as answer:
            return answer.read().decode()

    def console(self, sql: str, user: str = "admin", password: str = "admin-pw",
                mode: str = "transaction"):
        """Runs a console command; returns (column names, rows)."""
        from . import wire
        with wire.Client("127.0.0.1", self.port(mode)) as client:
            client.login(user, "pgbouncer", password)
            return client.query(sql)


@contextlib.contextmanager
def standing_still(pid: int):
    """A process that neither works nor ends meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def stacks(pid: int) -> str:
    """What each thread does: the system call it is in, and its stack if gdb is
    here and may look."""
    lines = []
    for task in sorted(pathlib.Path(f"/proc/{pid}/task").iterdir()):
        try:
            words = [(task / name).read_text().strip()
                     for name in ("comm", "wchan", "syscall")]
        except OSError as why:
            words = [str(why)]
        lines.append(f"{task.name}: {' | '.join(words)}")
    try:
        seen = subprocess.run(
            ["gdb", "-p", str(pid), "-batch", "-nx", "-ex", "set pagination off",
             "-ex", "thread apply all bt"], capture_output=True, text=True,
            timeout=120, stdin=subprocess.DEVNULL)
        lines.append(seen.stdout[-20000:])
    except (OSError, subprocess.TimeoutExpired) as why:
        lines.append(f"no gdb: {why}")
    return "\n".join(lines)


def open_descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_bytes(pid: int) -> int:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no VmRSS for {pid}")


def settle(seconds: float) -> None:
    """For the bench only: tests poll with `ports.eventually`."""
    time.sleep(seconds)
