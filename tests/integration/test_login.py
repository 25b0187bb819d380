"""Who gets in, by which method, into which tenant, and what a stranger learns."""

import hashlib
import subprocess

import pytest
from support import certs, configs, postgres, process, wire
from support.wire import ServerError

PASSWORD = postgres.PASSWORD


def md5_hash(user: str) -> str:
    return "md5" + hashlib.md5((PASSWORD + user).encode()).hexdigest()


# The same role on the server; `app_trust` so that no credential is needed there.
USERS = {
    "plain": {"password": PASSWORD},
    "md5": {"password": PASSWORD, "auth": "md5"},
    "md5hash": {"password": md5_hash("md5hash")},
    "verifier": {"password": wire.scram_verifier(PASSWORD)},
    "fromenv": {"password": "env:CENOTE_TEST_PASSWORD"},
    "trusted": {"auth": "trust"},
    "clear": {"password": PASSWORD, "auth": "password"},
}


@pytest.fixture(scope="module")
def doors(pg, tmp_path_factory):
    """Tenant acme with a user per credential, tenant globex with a user of the
    same name as acme's, a default tenant, TLS allowed."""
    folder = tmp_path_factory.mktemp("login")
    authority = certs.Authority(folder)
    cert, key = authority.issue("server", "DNS:localhost,DNS:globex.example.com,"
                                          "DNS:acme.example.com,IP:127.0.0.1")
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n")
    config = configs.plain(pg)
    config["tls"] = {"client": {"mode": "allow", "certificate": str(cert),
                                "key": str(key)}}
    role = {"user": "app_trust"}
    users = [{"name": name} | extra for name, extra in USERS.items()]
    users.append({"name": "fromfile", "password": f"file:{secret}"})
    users.append(configs.user("app"))
    config["tenant"] = [
        configs.tenant(pg, "acme", users, [configs.database(pg, **role)],
                       sni_hostnames=["acme.example.com"]),
        configs.tenant(pg, "globex", [configs.user("app", password="other word")],
                       [configs.database(pg, "*", **role)],
                       sni_hostnames=["globex.example.com"]),
        configs.tenant(pg, "", [configs.user("app", password="default word")],
                       [configs.database(pg, **role)])]
    pooler = process.Cenote(config, {"CENOTE_TEST_PASSWORD": PASSWORD},
                            folder / "run")
    pooler.ca = authority.cert
    with pooler:
        yield pooler


def first_request(port: int, user: str, database: str = "acme", **more) -> tuple:
    with wire.Client(port=port) as client:
        client.send(wire.startup(user, database, **more))
        return client.recv()


@pytest.mark.parametrize("name", [*USERS, "fromfile"])
def test_each_credential_lets_its_owner_in(doors, name):
    if name == "clear":
        pytest.skip("passwords in clear text: test_a_clear_password_needs_tls")
    with wire.Client(port=doors.port()) as client:
        if name == "md5hash":
            # The hash is over the role's name, the client's answer over the name
            # that it said: they must be the same.
            client.login(name, "acme", PASSWORD, options="reference=acme")
        else:
            client.login(f"{name}.acme", "acme", PASSWORD)
        assert client.value("select 1") == "1"


@pytest.mark.parametrize("name", [n for n in [*USERS, "fromfile"] if n != "trusted"])
@pytest.mark.parametrize("word", ["", "wrong", PASSWORD + " ", PASSWORD.upper()])
def test_a_wrong_password_stays_outside(doors, name, word):
    with wire.Client(port=doors.port()) as client:
        with pytest.raises(ServerError) as caught:
            client.login(f"{name}.acme", "acme", word)
        assert client.rest() == b""
    assert caught.value.fields["S"] == "FATAL"
    if name != "clear":
        assert caught.value.sqlstate == "28P01"


@pytest.mark.parametrize("name,code", [
    ("plain", 10), ("verifier", 10), ("md5hash", 5), ("md5", 5), ("fromenv", 10)])
def test_the_method_is_what_the_credential_suggests(doors, name, code):
    tag, body = first_request(doors.port(), f"{name}.acme")
    assert (tag, int.from_bytes(body[:4], "big")) == ("R", code)


def psql(doors, user: str, password: str, *more, mode: str = "transaction"):
    text = " ".join([f"host=127.0.0.1 port={doors.port(mode)} user={user} "
                     "dbname=acme connect_timeout=20", *more])
    return subprocess.run(
        ["psql", "-X", "-A", "-t", "-c", "select 'in'", text], text=True,
        capture_output=True, env={"PGPASSWORD": password, "PATH": "/usr/bin:/bin"})


def test_a_clear_password_needs_tls(doors):
    assert psql(doors, "clear.acme", PASSWORD, "sslmode=require").stdout == "in\n"
    plain = psql(doors, "clear.acme", PASSWORD, "sslmode=disable")
    assert plain.returncode == 2 and "FATAL" in plain.stderr


def refusal(doors, user: str, password: str, database: str = "acme") -> tuple:
    """All bytes of a refused login, with lengths, the name taken out."""
    seen = []
    with wire.Client(port=doors.port()) as client:
        with pytest.raises(ServerError) as caught:
            client.login(user, database, password)
        seen = sorted(caught.value.fields.items())
        assert client.rest() == b""
    names = {user, user.split(".")[0]}
    clean = []
    for key, value in seen:
        for name in sorted(names, key=len, reverse=True):
            value = value.replace(f'"{name}"', '"NAME"')
        clean.append((key, value))
    return tuple(clean)


def test_strangers_cannot_tell_what_was_wrong(doors):
    wrong_password = refusal(doors, "plain.acme", "wrong")
    assert refusal(doors, "nobody.acme", "wrong") == wrong_password
    assert refusal(doors, "plain.nowhere", "wrong") == wrong_password
    assert refusal(doors, "nobody.nowhere", "wrong") == wrong_password
    assert refusal(doors, "plain.acme", "wrong", "no_such_database") == wrong_password


@pytest.mark.parametrize("user", ["nobody.acme", "plain.nowhere", "plain.acme"])
def test_the_first_answer_is_the_same_kind(doors, user):
    tag, body = first_request(doors.port(), user)
    assert tag == "R" and body == first_request(doors.port(), "verifier.acme")[1]


def test_the_mock_salt_does_not_change_from_try_to_try(doors):
    def salt_of(user: str) -> bytes:
        with wire.Client(port=doors.port()) as client:
            client.send(wire.startup(user, "acme"))
            client.recv()
            first = wire.Scram("x").first()
            client.send(wire.message("p", wire.cstr("SCRAM-SHA-256")
                                     + len(first).to_bytes(4, "big") + first))
            return client.recv()[1].split(b",s=")[1]

    for user in ("nobody.acme", "nobody.nowhere", "plain.acme"):
        assert salt_of(user) == salt_of(user), user
    assert salt_of("nobody.acme") != salt_of("somebody.acme")


# -- which tenant

def whose(doors, user: str, password: str, **more) -> str:
    with wire.Client(port=doors.port()) as client:
        client.login(user, "acme", password, **more)
        return client.value("select 'in'")


def test_the_tenant_is_behind_the_last_dot(doors):
    assert whose(doors, "app.acme", PASSWORD) == "in"
    assert whose(doors, "app.globex", "other word") == "in"
    assert whose(doors, "app", "default word") == "in"
    for user, word in (("app.acme", "other word"), ("app.globex", PASSWORD),
                       ("app", PASSWORD), ("app.acme.globex", PASSWORD)):
        with pytest.raises(ServerError):
            whose(doors, user, word)


@pytest.mark.parametrize("options", [
    "reference=globex", "--reference=globex", "-c reference=globex",
    "-creference=globex", "-c search_path=public -c reference=globex",
    "reference=globex -c statement_timeout=10000"])
def test_the_tenant_is_in_the_options(doors, options):
    assert whose(doors, "app", "other word", options=options) == "in"


@pytest.mark.parametrize("options", ["reference=nowhere", "--reference=nowhere",
                                     "-c reference=nowhere"])
def test_an_unknown_reference_is_no_other_tenant(doors, options):
    with pytest.raises(ServerError) as caught:
        whose(doors, "app", "default word", options=options)
    assert caught.value.sqlstate == "28P01"


@pytest.mark.parametrize("host,word", [("globex.example.com", "other word"),
                                       ("acme.example.com", PASSWORD),
                                       ("localhost", "default word")])
def test_the_tenant_is_in_the_sni(doors, host, word):
    text = (f"host={host} hostaddr=127.0.0.1 port={doors.port()} user=app dbname=acme "
            f"sslmode=verify-full sslsni=1 sslrootcert={doors.ca}")
    done = subprocess.run(["psql", "-X", "-A", "-t", "-c", "select 'in'", text],
                          text=True, capture_output=True,
                          env={"PGPASSWORD": word, "PATH": "/usr/bin:/bin"})
    assert done.stdout == "in\n", done.stderr


def test_the_database_is_the_users_name_where_none_is_given(doors):
    with wire.Client(port=doors.port()) as client:
        client.login("app.acme", None, PASSWORD)
        assert client.value("select current_database()") == "app"


def test_startup_settings_arrive(doors):
    with wire.Client(port=doors.port("session")) as client:
        client.login("app.acme", "acme", PASSWORD, application_name="my app",
                     options="-c statement_timeout=7777", DateStyle="German")
        assert client.value("show application_name") == "my app"
        assert client.value("show statement_timeout") == "7777ms"
        assert client.value("show datestyle").startswith("German")
        assert client.parameters["application_name"] == "my app"
