"""cenotectl as an operator types it, against the daemon: what every verb does,
prints and exits with."""

import os
import pathlib
import signal
import socket
import subprocess

import pytest
from support import configs, process, toml, wire
from support.ports import eventually

DONE, FAILED, NO_ANSWER = 0, 1, 2


def program() -> str:
    """Built beside the daemon."""
    return str(pathlib.Path(process.binary()).with_name("cenotectl"))


def door(pooler) -> str:
    return str(pooler.folder / "admin.sock")


def begin(*words, where: str) -> subprocess.Popen:
    return subprocess.Popen([program(), "--socket", where, *words], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            stdin=subprocess.DEVNULL)


def end(child: subprocess.Popen, seconds: float = 30) -> tuple:
    """(exit status, standard output, standard error)"""
    try:
        said, complaint = child.communicate(timeout=seconds)
    finally:
        child.kill()
    assert "Sanitizer" not in complaint, complaint
    return child.returncode, said, complaint


def call(pooler, *words) -> tuple:
    return end(begin(*words, where=door(pooler)))


def table(text: str) -> list:
    """Every line under the heading, as words by its names."""
    heading, *lines = text.splitlines()
    return [dict(zip(heading.split(), line.split())) for line in lines]


def with_socket(config: dict) -> dict:
    config["admin"]["socket"] = "admin.sock"
    return config


def opened(pooler):
    """Its listeners are there before the door is."""
    pooler.wait_log("ready")
    return pooler


@pytest.fixture
def pooler(pg, start):
    return opened(start(with_socket(configs.plain(pg))))


def state(pooler) -> list:
    status, said, _ = call(pooler, "show", "pools")
    assert status == DONE
    return [row["state"] for row in table(said)]


def goodbye(client) -> list:
    return [wire.error_fields(body)["C"] for tag, body in client.recv_all()
            if tag == "E"]


def test_show(pooler, connect):
    assert call(pooler, "show", "version")[:2] == (
        DONE, subprocess.run([process.binary(), "--version"], text=True, check=True,
                             capture_output=True).stdout.split()[-1] + "\n")
    heading = "tenant user database mode shard clients servers max state".split()
    status, said, complaint = call(pooler, "show", "pools")
    assert (status, said.split(), complaint) == (DONE, heading, "")
    client = connect(pooler)
    client.value("select 1")
    said = call(pooler, "show", "pools")[1]
    assert said.splitlines()[0].split() == heading
    row, = table(said)
    assert row.pop("shard") in ("0", "1")
    assert row == {"tenant": "acme", "user": "app", "database": "acme",
                   "mode": "transaction", "clients": "1", "servers": "1",
                   "max": "5", "state": "running"}
    status, said, _ = call(pooler, "show", "tenants")
    assert status == DONE
    assert table(said) == [{"tenant": "acme", "pools": "1", "clients": "1",
                            "servers": "1"}]


def test_pause_waits_and_resume_lets_go(pooler, connect):
    client = connect(pooler)
    client.query("begin")
    pausing = begin("pause", where=door(pooler))
    try:
        eventually(lambda: state(pooler) == ["paused"], "the pool is told")
        assert client.value("select 'still mine'") == "still mine"
        assert pausing.poll() is None
        client.query("commit")
        assert end(pausing) == (DONE, "pause: done\n", "")
    finally:
        pausing.kill()
    client.send(wire.query("select 'at last'"))
    client.wait_taken()
    assert call(pooler, "resume")[:2] == (DONE, "resume: done\n")
    assert "at last" in str(client.recv_until("Z"))
    assert state(pooler) == ["running"]


def test_resume_gives_up_a_pause(pooler, connect):
    client = connect(pooler)
    client.query("begin")
    pausing = begin("pause", "acme", where=door(pooler))
    try:
        eventually(lambda: state(pooler) == ["paused"], "the pool is told")
        assert call(pooler, "resume", "acme")[0] == DONE
        status, said, complaint = end(pausing)
        assert (status, said) == (FAILED, "")
        assert "resumed meanwhile" in complaint
    finally:
        pausing.kill()
    client.query("commit")


def test_resume_of_what_is_not_paused_fails(pooler):
    status, said, complaint = call(pooler, "resume")
    assert (status, said) == (FAILED, "")
    assert complaint.startswith("cenotectl: ") and "not paused" in complaint


@pytest.mark.parametrize("target", ["acme", "acme.acme", "acme."])
def test_reconnect_replaces_servers(pooler, connect, target):
    client = connect(pooler)
    old = client.value("select pg_backend_pid()")
    assert call(pooler, "reconnect", target)[:2] == (DONE, "reconnect: done\n")
    assert client.value("select pg_backend_pid()") != old


def test_kill_holds_until_resume(pooler, connect):
    victim = connect(pooler)
    victim.query("begin")
    status, said, _ = call(pooler, "kill", "acme.acme")
    assert status == DONE
    assert said.startswith("kill: done, 1 clients, ")
    assert goodbye(victim) == ["57P01"]
    assert call(pooler, "resume", "acme.acme")[0] == DONE
    assert connect(pooler).value("select 'back'") == "back"


def test_terminate_ends_one_tenant_only(pg, start, connect):
    config = with_socket(configs.plain(pg))
    config["tenant"].append(configs.tenant(pg, "globex"))
    pooler = opened(start(config))
    victim, other = connect(pooler), connect(pooler, user="app.globex")
    victim.query("begin")
    assert other.value("select 1") == "1"
    status, said, _ = call(pooler, "terminate", "acme")
    assert status == DONE
    assert said.startswith("terminate: done, 1 clients, ")
    assert goodbye(victim) == ["57P01"]
    assert other.value("select 'unharmed'") == "unharmed"
    assert connect(pooler).value("select 'comes back by itself'")


@pytest.mark.parametrize("verb", ["pause", "resume", "reconnect", "kill",
                                  "terminate"])
def test_an_unknown_target_fails(pooler, verb):
    status, said, complaint = call(pooler, verb, "nobody.nowhere")
    assert (status, said) == (FAILED, "")
    assert complaint.startswith("cenotectl: ") and "nobody.nowhere" in complaint


def test_reload(pooler, connect):
    changed = configs.changed(pooler.config, lambda config: config["tenant"].append(
        {"id": "globex"} | {x: config["tenant"][0][x] for x in ("database", "user")}))
    pooler.write(changed)
    assert call(pooler, "reload")[:2] == (DONE, "reload: done\n")
    assert connect(pooler, user="app.globex").value("select 1") == "1"
    pooler.write(configs.changed(
        changed, lambda config: config["cenote"].update(shrads=2)))
    status, said, complaint = call(pooler, "reload")
    assert (status, said) == (FAILED, "")
    assert "cenote.toml:" in complaint and "shrads" in complaint, complaint
    assert connect(pooler, user="app.globex").value("select 1") == "1"
    pooler.write(changed)


def test_shutdown_now(pooler, connect):
    client = connect(pooler)
    client.query("begin")
    assert call(pooler, "shutdown")[:2] == (DONE, "shutdown: done\n")
    assert pooler.wait_exit() == 0
    client.recv_all()


def test_shutdown_waits_for_transactions(pooler, connect):
    client = connect(pooler)
    client.query("begin")
    assert call(pooler, "shutdown", "--wait")[0] == DONE
    pooler.wait_log("draining")
    assert client.value("select 'goes on'") == "goes on"
    client.query("commit")
    assert goodbye(client) == ["57P01"]
    assert pooler.wait_exit() == 0


# -- doors that do not open -----------------------------------------------------

@pytest.mark.parametrize("words", [
    [], ["dance"], ["show"], ["show", "everything"], ["terminate"],
    ["pause", "one", "two"], ["reload", "now"], ["shutdown", "--now"],
    ["--timeout", "soon", "reload"]])
def test_wrong_words_reach_nobody(pooler, words):
    status, said, complaint = call(pooler, *words)
    assert status not in (DONE, FAILED, NO_ANSWER)
    assert said == "" and "--help" in complaint
    assert "admin command" not in pooler.text()


def test_help_names_every_verb():
    done = subprocess.run([program(), "--help"], text=True, capture_output=True)
    assert done.returncode == 0
    for word in ("show pause resume reconnect kill reload terminate shutdown "
                 "--socket --timeout").split():
        assert word in done.stdout


def test_no_socket_there(tmp_path):
    where = str(tmp_path / "none")
    status, said, complaint = end(begin("reload", where=where))
    assert (status, said) == (NO_ANSWER, "")
    assert where in complaint and "No such file" in complaint


def test_a_file_that_is_no_socket(tmp_path):
    where = tmp_path / "file"
    where.write_text("not a door")
    status, _, complaint = end(begin("reload", where=str(where)))
    assert status == NO_ANSWER and "refused" in complaint.lower()
    assert where.read_text() == "not a door"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n",
                                    b"\0" * 200])
def test_somebody_else_answers(tmp_path, answer):
    where = str(tmp_path / "foreign")
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(where)
        stranger.listen()
        child = begin("show", "version", where=where)
        peer = stranger.accept()[0]
        if answer:
            peer.sendall(answer)
        peer.close()
        status, said, complaint = end(child)
    assert (status, said) == (NO_ANSWER, "")
    assert complaint == "cenotectl: the daemon did not answer\n"


def test_a_daemon_that_is_gone(pooler):
    pooler.kill()
    pooler.wait_exit()
    assert os.path.exists(door(pooler))  # Left behind: nobody is there.
    status, said, complaint = call(pooler, "show", "pools")
    assert (status, said) == (NO_ANSWER, "")
    assert "refused" in complaint.lower()
    before = len(pooler.text())
    pooler.start()  # Over its own leftover.
    pooler.wait_log("ready", start=before)
    assert call(pooler, "show", "pools")[0] == DONE


def test_a_daemon_that_goes_while_it_is_asked(pooler, connect):
    client = connect(pooler)
    client.query("begin")
    pausing = begin("pause", where=door(pooler))
    try:
        eventually(lambda: state(pooler) == ["paused"], "the pool is told")
        pooler.send_signal(signal.SIGQUIT)
        assert pooler.wait_exit() == 0
        status, said, complaint = end(pausing)
    finally:
        pausing.kill()
    assert (status, said) == (NO_ANSWER, "")
    assert complaint in ("cenotectl: the daemon is gone\n",
                         "cenotectl: no answer from the daemon\n")


def test_a_daemon_that_does_not_answer_in_time(pooler, connect):
    client = connect(pooler)
    client.query("begin")
    status, said, complaint = call(pooler, "--timeout", "1", "pause")
    assert (status, said) == (NO_ANSWER, "")
    assert "no answer" in complaint
    assert call(pooler, "resume")[0] == DONE


def test_the_door_is_the_owners_and_goes_with_the_daemon(pooler):
    assert os.stat(door(pooler)).st_mode & 0o777 == 0o600
    pooler.stop()
    assert not os.path.exists(door(pooler))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_stranger_is_sent_away(pooler):
    """Even where the file's mode would let it in."""
    os.chmod(door(pooler), 0o666)
    os.chmod(pooler.folder, 0o755)

    def become_nobody():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    child = subprocess.Popen(
        [program(), "--socket", door(pooler), "show", "version"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=become_nobody)
    assert end(child)[:2] == (NO_ANSWER, "")
    pooler.wait_log("a stranger knocked")


def test_a_second_daemon_takes_no_door_that_is_in_use(pg, pooler, tmp_path):
    config = with_socket(configs.plain(pg))
    config["admin"]["socket"] = door(pooler)
    second = tmp_path / "second.toml"
    second.write_text(toml.dumps(config))
    done = subprocess.run([process.binary(), str(second)], text=True, timeout=60,
                          capture_output=True)
    assert done.returncode == 1
    assert f"admin.socket {door(pooler)}: in use" in done.stderr
    assert call(pooler, "show", "version")[0] == DONE


def test_a_daemon_that_ends_leaves_the_door_of_another(pooler):
    os.unlink(door(pooler))
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(door(pooler))
        pooler.stop()
        assert os.path.exists(door(pooler))
