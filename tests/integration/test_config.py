"""The configuration file: what is accepted, and how mistakes are told."""

import os
import subprocess

import pytest
from support import certs, configs, ports, process, toml, wire

ROOT = process.ROOT

# DESIGN's sample less [store] and [cluster]; ports come in as {tx} and so on.
SAMPLE = """
[cenote]
shards = "auto"             # data-plane threads; auto = one per core
engine = "auto"             # io_uring | epoll
log = {{ level = "info", format = "text" }}   # or json

[[listener]]
address = "127.0.0.1"
port = {tx}
pool_mode = "transaction"   # omit: the user's, database's or tenant's own mode

[[listener]]
address = "127.0.0.1"
port = {session}
pool_mode = "session"

[tls.client]                # what clients meet
mode = "allow"
certificate = "server.crt"
key = "server.key"

[admin]
http = "127.0.0.1:{http}"     # API, /metrics, /health

[[admin.user]]
name = "admin"
password = "env:CENOTE_ADMIN_PASSWORD"
role = "admin"                # or "stats": SHOW only

[[tenant]]
id = "acme"                 # clients say user "app.acme"
max_clients = 1000

[[tenant.database]]
name = "*"                  # any name, passed through
host = "127.0.0.1"
port = {pg}
pool_size = 20
tls = "prefer"              # disable|prefer|require|verify-ca|verify-full

[[tenant.user]]
name = "app"
password = "env:ACME_APP_PASSWORD"     # or a literal, file:..., or a verifier
pool_mode = "transaction"
"""


def run(*arguments, env=None, cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run([process.binary(), *map(str, arguments)], text=True,
                          capture_output=True, cwd=cwd, timeout=60,
                          env={**os.environ, **(env or {})})


def test_the_sample_of_the_design_is_accepted_and_serves(pg, tmp_path):
    from support import postgres
    certs.Authority(tmp_path).issue("server")
    numbers = {name: ports.free_port() for name in ("tx", "session", "http")}
    file = tmp_path / "cenote.toml"
    file.write_text(SAMPLE.format(pg=pg.port, **numbers))
    env = {"CENOTE_ADMIN_PASSWORD": "a", "ACME_APP_PASSWORD": postgres.PASSWORD}
    assert run("--check", file, env=env).returncode == 0
    daemon = process.Process([process.binary(), str(file)],
                             [numbers["tx"], numbers["session"]], tmp_path / "log",
                             env)
    with daemon:
        for port in (numbers["tx"], numbers["session"]):
            with wire.Client(port=port) as client:
                client.login("app.acme", "acme", postgres.PASSWORD)
                assert client.value("select 1") == "1"


@pytest.mark.parametrize("section", ['[store]\nurl = "sqlite:cenote.db"\n',
                                     '[cluster]\nlisten = "127.0.0.1:7000"\n'])
def test_sections_that_are_not_served_yet_say_so(pg, tmp_path, section):
    file = tmp_path / "c.toml"
    file.write_text(toml.dumps(configs.plain(pg)) + "\n" + section)
    done = run("--check", file)
    name = section.split("]")[0]
    assert done.returncode == 0
    assert "c.toml:" in done.stderr and f"{name}] is not served" in done.stderr


# edit of the text -> words that the message must have
MISTAKES = {
    "unknown key": (lambda t: t.replace("pool_size", "pool_sizes", 1),
                    ["pool_sizes", "pool_size"]),
    "misspelt section": (lambda t: t.replace("[[tenant]]", "[[tenent]]"),
                         ["tenent", "tenant"]),
    "wrong type": (lambda t: t.replace("pool_size = 5", 'pool_size = "five"', 1),
                   ["pool_size"]),
    "negative": (lambda t: t.replace("pool_size = 5", "pool_size = -1", 1),
                 ["pool_size"]),
    "unknown mode": (lambda t: t.replace('"transaction"', '"transactions"', 1),
                     ["pool_mode", "transaction"]),
    "bad unit": (lambda t: t.replace("pool_size = 5",
                                     'query_timeout = "30 parsecs"', 1),
                 ["query_timeout"]),
    "syntax": (lambda t: t.replace("[[listener]]", "[[listener", 1), []),
    "missing variable": (lambda t: t.replace(
        'password = "wonder', 'password = "env:CENOTE_NOT_SET" # "', 1),
        ["CENOTE_NOT_SET"]),
    "missing file": (lambda t: t.replace(
        'password = "wonder', 'password = "file:/nowhere/at/all" # "', 1),
        ["/nowhere/at/all"]),
    "port out of range": (lambda t: t.replace("port = ", "port = 9", 1)
                          .replace("port = 9", "port = 99999 # ", 1), ["port"]),
    "tenant twice": (lambda t: t + t[t.index("[[tenant]]"):], ["tenant.id"]),
}


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("how", ["--check", "run"])
def test_mistakes_name_file_line_and_key(pg, tmp_path, name, how):
    edit, words = MISTAKES[name]
    file = tmp_path / "broken.toml"
    good = toml.dumps(configs.plain(pg))
    file.write_text(edit(good))
    assert file.read_text() != good
    done = run(*(["--check"] if how == "--check" else []), file)
    assert done.returncode == 1, done.stderr
    line = next((x for x in done.stderr.split("\n") if "broken.toml:" in x), None)
    assert line is not None, done.stderr
    assert line.split("broken.toml:")[1].split(":")[0].isdigit(), line
    for word in words:
        assert word in done.stderr


# certificate, key, CAs -> the key that is told, its file, and why
BAD_CERTIFICATES = {
    "garbage": ("garbage", "good.key", "tls_ca", "tls_certificate", "garbage"),
    "empty": ("empty", "good.key", "tls_ca", "tls_certificate", "empty"),
    "swapped": ("good.key", "good.crt", "tls_ca", "tls_certificate", "good.key"),
    "no key": ("good.crt", "garbage", "tls_ca", "tls_key", "garbage"),
    "mismatched": ("good.crt", "other.key", "tls_ca", "tls_key", "other.key"),
    "no CA": ("good.crt", "good.key", "garbage", "tls_ca", "garbage"),
}


def with_certificates(config: dict, side: str, cert, key, ca) -> dict:
    if side == "client":
        config["tls"] = {"client": {"mode": "allow", "certificate": str(cert),
                                    "key": str(key)}}
    else:
        config["tenant"][0]["database"][0] |= {
            "tls": "verify-full", "tls_ca": str(ca), "tls_certificate": str(cert),
            "tls_key": str(key)}
    return config


@pytest.fixture(scope="module")
def identities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identities")
    authority = certs.Authority(folder, "tls_ca")
    for name in ("good", "other"):
        authority.issue(name)
    (folder / "tls_ca.crt").rename(folder / "tls_ca")
    (folder / "garbage").write_text("no certificate\n")
    (folder / "empty").write_text("")
    return folder


@pytest.mark.parametrize("name", BAD_CERTIFICATES)
@pytest.mark.parametrize("side", ["client", "server"])
def test_bad_certificates_are_refused_with_their_key(pg, tmp_path, identities, side,
                                                     name):
    cert, key, ca, told, wrong = BAD_CERTIFICATES[name]
    if side == "client":
        if told == "tls_ca":
            pytest.skip("clients show no certificates")
        told = "tls.client." + told.removeprefix("tls_")
    else:
        told = "tenant.database." + told
    file = tmp_path / "bad.toml"
    file.write_text(toml.dumps(with_certificates(
        configs.plain(pg), side, *(identities / x for x in (cert, key, ca)))))
    for how in (["--check"], []):
        done = run(*how, file)
        assert done.returncode == 1, done.stderr
        line = next(x for x in done.stderr.split("\n") if f": {told}: " in x)
        assert line.split("bad.toml:")[1].split(":")[0].isdigit(), line
        assert str(identities / wrong) + ": " in line


@pytest.mark.parametrize("arguments", [
    [], ["--check"], ["/nowhere/cenote.toml"], ["--check", "/nowhere/cenote.toml"],
    ["--no-such-option"], ["/"]])
def test_wrong_command_lines_are_told_and_exit(arguments):
    done = run(*arguments)
    assert 1 <= done.returncode < 128 and done.stderr + done.stdout != ""


def test_a_good_file_is_silent_or_short(pg, tmp_path):
    file = tmp_path / "good.toml"
    file.write_text(toml.dumps(configs.plain(pg)))
    done = run("--check", file)
    assert done.returncode == 0 and len(done.stdout + done.stderr) < 500


def test_a_port_that_is_taken_is_an_error(pg, tmp_path):
    import socket
    config = configs.plain(pg)
    with socket.create_server(("127.0.0.1", config["listener"][0]["port"])):
        file = tmp_path / "taken.toml"
        file.write_text(toml.dumps(config))
        done = run(file)
    assert done.returncode == 1
    assert str(config["listener"][0]["port"]) in done.stderr + done.stdout


def test_a_port_of_http_that_is_taken_says_why(pg, tmp_path):
    import socket
    config = configs.plain(pg)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config["admin"]["http"] = f"127.0.0.1:{taken.getsockname()[1]}"
        file = tmp_path / "taken.toml"
        file.write_text(toml.dumps(config))
        done = run(file)
    assert done.returncode == 1
    assert "admin.http 127.0.0.1 port" in done.stderr
    assert "Address already in use" in done.stderr


@pytest.mark.parametrize("name", ["cenote.toml", "minimal.toml"])
def test_shipped_examples_are_valid(tmp_path, name):
    source = ROOT / "configs" / name
    file = tmp_path / name
    file.write_text(source.read_text())
    certs.Authority(tmp_path).issue("server")
    done = run("--check", file, env={"CENOTE_ADMIN_PASSWORD": "a",
                                     "ACME_APP_PASSWORD": "b"})
    assert done.returncode == 0, done.stderr


def test_help_and_version():
    assert "--check" in run("--help").stdout
    assert run("--version").stdout.strip()
