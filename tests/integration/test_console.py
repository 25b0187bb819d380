"""The console database: PgBouncer's columns, who may do what, and the waits."""

import signal
import threading

import pytest
from support import configs, ports, postgres, wire
from support.ports import eventually

I, S, N = 23, 25, 1700  # int4, text, numeric


def columns(text: str, kind: int) -> list:
    return [(name, kind) for name in text.split()]


SOCKET = (columns("type user database replication state addr", S) + [("port", I)]
          + [("local_addr", S), ("local_port", I)]
          + columns("connect_time request_time", S) + columns("wait wait_us", I)
          + [("close_needed", I)] + columns("ptr link", S) + [("remote_pid", I)]
          + columns("tls application_name", S)
          + [("prepared_statements", I), ("id", I)])
COUNTS = ("{0}server_assignment_count {0}xact_count {0}query_count {0}{1} {0}{2} "
          "{0}xact_time {0}query_time {0}wait_time {0}client_parse_count "
          "{0}server_parse_count {0}bind_count")
LOGIN = "{0}client_login_count"

# What PgBouncer answers; more columns may only follow at the end.
SHOWN = {
    "POOLS": columns("database user", S) + columns(
        "cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active "
        "sv_active_cancel sv_being_canceled sv_idle sv_used sv_tested sv_login "
        "maxwait maxwait_us", I) + columns("pool_mode load_balance_hosts", S),
    "CLIENTS": SOCKET,
    "SERVERS": SOCKET,
    "DATABASES": columns("name host", S) + [("port", I)]
    + columns("database force_user", S)
    + columns("pool_size min_pool_size reserve_pool_size server_lifetime", I)
    + columns("pool_mode load_balance_hosts", S)
    + columns("max_connections current_connections max_client_connections "
              "current_client_connections paused disabled", I),
    "STATS": [("database", S)] + columns(
        (COUNTS + " " + LOGIN).format("total_", "received", "sent") + " "
        + (COUNTS + " " + LOGIN).format("avg_", "recv", "sent"), N),
    "LISTS": [("list", S), ("items", I)],
    "CONFIG": columns("key value default changeable", S),
    "VERSION": [("version", S)],
}
LISTS = ("databases users peers pools peer_pools free_clients used_clients "
         "login_clients free_servers used_servers dns_names dns_zones dns_queries "
         "dns_pending").split()


def console(pooler, user: str = "admin") -> wire.Client:
    client = wire.Client(port=pooler.port())
    client.login(user, "pgbouncer", f"{user}-pw")
    return client


def rows_of(client, sql: str) -> list:
    names, rows = client.query(sql)
    return [dict(zip(names, row)) for row in rows]


@pytest.mark.parametrize("user", ["admin", "stats"])
@pytest.mark.parametrize("what", SHOWN)
def test_columns_are_pgbouncers(shared, connect, user, what):
    connect(shared).value("select 1")  # So that there is a pool to show.
    with console(shared, user) as admin:
        admin.send(wire.query(f"SHOW {what}"))
        messages = admin.recv_until("Z")
        fields = wire.row_fields(dict(messages)["T"])
        assert fields[:len(SHOWN[what])] == SHOWN[what]
        assert messages[-2] == ("C", b"SHOW\0")
        assert dict(messages).get("D") is not None


@pytest.mark.parametrize("sql", ["show pools", "SHOW POOLS;", " sHoW   pools ; ",
                                 'SHOW "pools"', "SELECT pools"])
def test_spellings(shared, connect, sql):
    connect(shared).value("select 1")
    with console(shared) as admin:
        assert admin.query(sql)[0][:2] == ["database", "user"]


def test_lists_names_and_version(shared):
    with console(shared) as admin:
        assert [row["list"] for row in rows_of(admin, "show lists")][:len(LISTS)] \
            == LISTS
        assert admin.value("show version").lower().startswith(("pgbouncer", "cenote"))
        assert "/bouncer" in admin.parameters["server_version"]


def test_help_is_a_notice(shared):
    with console(shared) as admin:
        admin.send(wire.query("SHOW HELP"))
        tags = [tag for tag, _ in admin.recv_until("Z")]
        assert tags == ["N", "C", "Z"]


def test_pools_count_clients_and_servers(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    holder, waiter = connect(pooler), connect(pooler)
    holder.query("begin")
    waiter.send(wire.query("select 1"))

    def pool() -> dict:
        with console(pooler) as admin:
            return next((row for row in rows_of(admin, "show pools")
                         if row["pool_mode"] == "transaction"
                         and row["database"] != "pgbouncer"), {})

    def counts() -> list:
        shown = pool()
        return [shown.get(name) for name in
                ("cl_active", "cl_waiting", "sv_active", "sv_idle")]

    eventually(lambda: counts() == ["1", "1", "1", "0"] or None, "one waits")
    holder.query("commit")
    waiter.recv_until("Z")
    eventually(lambda: counts() == ["2", "0", "0", "1"] or None, "nobody waits")


def test_stats_count(pg, start, connect):
    pooler = start(configs.plain(pg))
    client = connect(pooler)
    for _ in range(10):
        client.query("select repeat('x', 1000)")
    with console(pooler) as admin:
        def shown() -> dict:
            return next((row for row in rows_of(admin, "show stats")
                         if row["database"] != "pgbouncer"), {})
        eventually(lambda: shown().get("total_query_count") == "10" or None, "ten")
        row = shown()
        assert row["total_xact_count"] == "10"
        assert int(row["total_sent"]) > 10_000
        assert int(row["total_received"]) > 100


def test_sums_outlive_their_pool(pg, start, connect):
    pooler = start(configs.plain(pg, pool_idle_timeout="1s"))
    with console(pooler) as admin:
        def sums() -> tuple:
            row = next(row for row in rows_of(admin, "show stats")
                       if row["database"] == "acme")
            totals = dict(admin.query("show totals")[1])
            return ([int(row[name]) for name in ("total_xact_count", "total_sent")],
                    [int(totals[name]) for name in
                     ("total_xact_count", "total_client_bytes")])

        def pools() -> list:
            return [row for row in rows_of(admin, "show pools")
                    if row["database"] == "acme"]

        for times in (1, 2):
            client = connect(pooler)
            client.query("select repeat('x', 1000)")
            client.close()
            before = sums()
            assert before[0][0] == before[1][0] == times
            assert before[0][1] > 1000 * times
            eventually(lambda: not pools(), "the pool ends")
            assert sums() == before


@pytest.mark.parametrize("sql", ["nonsense", "show nothing", "show", "", ";",
                                 "pause other.nowhere", "drop table x", "show pools extra x"])
def test_wrong_commands_are_errors_and_the_console_goes_on(shared, sql):
    with console(shared) as admin:
        admin.send(wire.query(sql))
        tags = [tag for tag, _ in admin.recv_until("Z")]
        assert "E" in tags or tags == ["I", "Z"]
        assert admin.query("show version")[1]


def test_the_extended_protocol_is_refused(shared):
    with console(shared) as admin:
        admin.send(wire.extended("show pools") + wire.SYNC)
        errors = [wire.error_fields(body) for tag, body in admin.recv_all()
                  if tag == "E"]
        assert errors[0]["M"] == ("extended query protocol not supported by admin "
                                  "console")


@pytest.mark.parametrize("command", ["pause", "resume", "reload", "shutdown", "kill",
                                     "reconnect", "pause acme", "kill acme"])
def test_stats_users_may_only_look(shared, connect, command):
    with console(shared, "stats") as stats:
        with pytest.raises(wire.ServerError) as caught:
            stats.query(command)
        assert "admin access needed" in caught.value.message
    assert connect(shared).value("select 1") == "1"


def test_a_tenants_user_never_gets_in_whatever_its_name(pg, start):
    config = configs.plain(pg)
    config["tenant"][0]["user"] += [configs.user("admin"), configs.user("stats")]
    config["tenant"].append(configs.tenant(pg, "", [configs.user("admin")]))
    pooler = start(config)
    for name in ("app.acme", "admin.acme", "stats.acme", "admin"):
        with wire.Client(port=pooler.port()) as client:
            with pytest.raises(wire.ServerError) as caught:
                client.login(name, "pgbouncer", postgres.PASSWORD)
            assert caught.value.fields["S"] == "FATAL"
    for word in ("", "wrong", "stats-pw"):
        with wire.Client(port=pooler.port()) as client:
            with pytest.raises(wire.ServerError):
                client.login("admin", "pgbouncer", word)
    with console(pooler) as admin:
        assert admin.value("show version")


def test_no_secret_is_shown(shared, connect):
    connect(shared).value("select 1")
    with console(shared) as admin:
        for what in SHOWN:
            text = repr(admin.query(f"show {what}"))
            assert postgres.PASSWORD not in text and "admin-pw" not in text
    assert postgres.PASSWORD not in shared.text()
    assert "admin-pw" not in shared.text()


def test_pause_waits_for_transactions_and_resume_lets_go(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=2))
    client, other = connect(pooler), connect(pooler)
    other.value("select 1")
    client.query("begin")
    done = threading.Event()

    def pause() -> None:
        with console(pooler) as admin:
            admin.query("pause")
            done.set()

    thread = threading.Thread(target=pause)
    thread.start()
    other.send(wire.query("select 'after resume'"))
    other.wait_taken()
    assert client.value("select 'goes on'") == "goes on"
    assert not done.is_set()
    client.query("commit")
    thread.join(20)
    assert done.is_set()
    with console(pooler) as admin:
        with pytest.raises(wire.ServerError) as caught:
            admin.query("pause")
        assert "already suspended/paused" in caught.value.message
        admin.query("resume")
    rows = [wire.data_row(body) for tag, body in other.recv_until("Z", 1)
            if tag == "D"]
    assert rows == [["after resume"]]
    with console(pooler) as admin:
        with pytest.raises(wire.ServerError) as caught:
            admin.query("resume")
        assert "not paused/suspended" in caught.value.message


def test_a_pause_that_waits_is_told_that_it_was_undone(pg, start, connect):
    pooler = start(configs.plain(pg))
    client = connect(pooler)
    client.query("begin")
    with console(pooler) as waiting, console(pooler) as other:
        waiting.send(wire.query("pause"))
        eventually(lambda: is_paused(other), "it is paused")
        other.query("resume")
        with pytest.raises(wire.ServerError) as caught:
            waiting.recv_error()
        assert caught.value.sqlstate == "55000"
        assert caught.value.message == "PAUSE was undone: resumed meanwhile"
        assert client.value("select 'goes on'") == "goes on"
        client.query("commit")
        waiting.query("pause")
        waiting.query("resume")


def cancel(pooler, session) -> None:
    with wire.Client(port=pooler.port()) as other:
        other.send(wire.cancel_request(session.pid, session.key))
        other.rest()


@pytest.mark.parametrize("command", ["pause", "pause acme", "wait_close"])
def test_a_cancel_ends_the_wait_of_a_console(pg, start, connect, command):
    config = configs.plain(pg)
    config["tenant"][0]["database"].insert(0, configs.database(pg, "acme"))
    pooler = start(config)
    client = connect(pooler)
    client.query("begin")
    with console(pooler) as waiting, console(pooler) as other:
        if command == "wait_close":
            other.query("reconnect")
        cancel(pooler, waiting)  # It waits for nothing: nothing happens.
        waiting.send(wire.query(command))
        pooler.wait_log(f'command="?{command}')
        if command != "wait_close":
            eventually(lambda: "1" in {row["paused"] for row in
                                       rows_of(other, "show databases")}, "paused")
        cancel(pooler, other)
        assert client.value("select 'goes on'") == "goes on"
        cancel(pooler, waiting)
        with pytest.raises(wire.ServerError) as caught:
            waiting.recv_error()
        assert caught.value.sqlstate == "57014"
        assert caught.value.message == "canceling statement due to user request"
        assert waiting.query("show version")[1]
        assert {row["paused"] for row in rows_of(other, "show databases")} == {"0"}
        assert connect(pooler).value("select 1") == "1"
        client.query("commit")


def test_a_database_may_be_paused_before_it_has_a_pool(pg, start):
    pooler = start(configs.plain(pg))
    with console(pooler) as admin, wire.Client(port=pooler.port()) as client:
        admin.query("pause globex")
        thread = threading.Thread(target=client.login, args=(
            "app.acme", "globex", postgres.PASSWORD))
        thread.start()
        eventually(lambda: [row["paused"] for row in rows_of(admin, "show databases")
                            if row["name"] == "globex"] == ["1"], "it is held")
        assert thread.is_alive()
        admin.query("resume globex")
        thread.join(20)
        assert client.value("select current_database()") == "globex"


def test_a_name_that_no_client_can_ask_for_is_unknown(pg, start):
    config = configs.plain(pg)
    config["tenant"][0]["database"] = [configs.database(pg, "acme")]
    pooler = start(config)
    with console(pooler) as admin:
        for command in ("pause", "resume", "kill", "reconnect", "wait_close"):
            with pytest.raises(wire.ServerError) as caught:
                admin.query(f"{command} nowhere")
            assert caught.value.message == "no such database: nowhere"


def is_paused(admin) -> bool:
    state = dict(admin.query("show state")[1])
    assert (state["paused"] == "yes") != (state["active"] == "yes")
    return state["paused"] == "yes"


def test_a_pause_without_pools_ends_with_a_signal(pg, start, connect):
    pooler = start(configs.plain(pg))
    with console(pooler) as admin:
        admin.query("pause")
        assert is_paused(admin)
        pooler.send_signal(signal.SIGUSR2)
        eventually(lambda: not is_paused(admin), "it is resumed")
        assert connect(pooler).value("select 1") == "1"
        admin.query("pause")
        admin.query("resume")


def test_a_signal_without_pools_is_a_pause_to_the_console(pg, start, connect):
    pooler = start(configs.plain(pg))
    with console(pooler) as admin:
        pooler.send_signal(signal.SIGUSR1)
        eventually(lambda: is_paused(admin), "it is paused")
        assert {row["paused"] for row in rows_of(admin, "show databases")} == {"1"}
        for sql in ("pause", "pause acme", "kill"):
            with pytest.raises(wire.ServerError) as caught:
                admin.query(sql)
            assert caught.value.message == "already suspended/paused"
        admin.query("resume")
        assert not is_paused(admin)
    assert connect(pooler).value("select 1") == "1"


def test_a_killed_database_is_paused_also_without_a_pool(pg, start, connect):
    config = configs.plain(pg)
    config["tenant"][0]["database"].insert(0, configs.database(pg, "acme"))
    pooler = start(config)
    victim = connect(pooler)
    with console(pooler) as admin:
        def paused() -> str:
            return next(row["paused"] for row in rows_of(admin, "show databases")
                        if row["name"] == "acme")

        admin.query("kill acme")
        assert victim.recv_all()[-1][0] == "E"
        assert paused() == "1" and not is_paused(admin)
        admin.query("resume acme")
        assert paused() == "0"
    assert connect(pooler).value("select 1") == "1"


def test_reconnect_gives_fresh_servers_between_transactions(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    client = connect(pooler)
    client.query("begin")
    old = client.value("select pg_backend_pid()")
    with console(pooler) as admin:
        admin.query("reconnect")
    assert client.value("select pg_backend_pid()") == old
    client.query("commit")
    assert client.value("select pg_backend_pid()") != old


def test_wait_close_waits_for_the_servers_that_reconnect_replaces(pg, start, connect):
    pooler = start(configs.plain(pg, pool_size=1))
    client = connect(pooler)
    client.query("begin")
    old = client.value("select pg_backend_pid()")
    with console(pooler) as admin:
        assert [row["close_needed"] for row in rows_of(admin, "show servers")] == ["0"]
        admin.query("reconnect")
        assert [(row["remote_pid"], row["close_needed"])
                for row in rows_of(admin, "show servers")] == [(old, "1")]
        order = []

        def wait_close() -> None:
            admin.query("wait_close")
            order.append("closed")

        thread = threading.Thread(target=wait_close)
        thread.start()
        pooler.wait_log("command=wait_close")
        assert client.value("select 'goes on'") == "goes on"
        order.append("commit")
        client.query("commit")
        thread.join(20)
        assert order == ["commit", "closed"]
        assert [row for row in rows_of(admin, "show servers")
                if row["close_needed"] != "0"] == []


def test_kill_ends_clients_and_servers(pg, start, connect):
    config = configs.plain(pg)
    config["tenant"][0]["database"].insert(0, configs.database(pg, "acme"))
    pooler = start(config)
    victim, other = connect(pooler), connect(pooler, database="globex")
    victim.value("select 1")
    other.value("select 1")
    with console(pooler) as admin:
        names = [row["name"] for row in rows_of(admin, "show databases")]
        name = next(x for x in names if x.startswith("acme"))
        admin.query(f'kill "{name}"')
        assert [wire.error_fields(body)["C"] for tag, body in victim.recv_all()
                if tag == "E"] == ["57P01"]
        assert other.value("select 'unharmed'") == "unharmed"
        admin.query(f'resume "{name}"')
    assert connect(pooler).value("select 'back'") == "back"


def test_reload_reports_failure(pg, start):
    pooler = start(configs.plain(pg))
    with console(pooler) as admin:
        admin.query("reload")
        pooler.file.write_text("nonsense = \n")
        with pytest.raises(wire.ServerError):
            admin.query("reload")
    pooler.write(pooler.config)


@pytest.mark.parametrize("command", ["shutdown", "shutdown wait_for_clients",
                                     "shutdown wait_for_servers"])
def test_shutdown(pg, start, connect, command):
    pooler = start(configs.plain(pg))
    client = connect(pooler)
    client.query("begin")
    admin = console(pooler)
    admin.send(wire.query(command))
    if "wait" in command:
        pooler.wait_log("(?i)shut|drain|stop")
        assert client.value("select 'goes on'") == "goes on"
        client.query("commit")
        client.send(wire.TERMINATE)
    admin.close()
    client.close()
    assert eventually(lambda: not pooler.alive(), "it ends") and \
        pooler.wait_exit() == 0


def test_shutdown_wait_for_clients_ends_nobody(pg, start, connect):
    pooler = start(configs.plain(pg))
    idle, never_asked = connect(pooler), connect(pooler)
    idle.value("select 1")
    with console(pooler) as admin:
        admin.query("shutdown wait_for_clients")
        eventually(lambda: not ports.accepts(pooler.port()), "nobody comes in")
        assert idle.value("select 'goes on'") == "goes on"
        assert never_asked.value("select 'goes on'") == "goes on"
        idle.send(wire.TERMINATE)
        assert never_asked.value("select 'goes on'") == "goes on"
        assert admin.query("show version")[1]
        never_asked.send(wire.TERMINATE)
        assert pooler.wait_exit() == 0


def test_a_signal_drains_what_waits_for_clients(pg, start, connect):
    pooler = start(configs.plain(pg))
    client = connect(pooler)
    client.value("select 1")
    with console(pooler) as admin:
        admin.query("shutdown wait_for_clients")
    pooler.send_signal(signal.SIGTERM)
    assert [wire.error_fields(body)["C"] for tag, body in client.recv_all()
            if tag == "E"] == ["57P01"]
    assert pooler.wait_exit() == 0
