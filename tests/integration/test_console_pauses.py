"""A PAUSE that its operator takes back undoes what it did, and nothing else."""

import threading

import pytest
from support import configs, wire
from support.ports import eventually
from test_console import cancel, console, rows_of


@pytest.fixture
def pooler(pg, start):
    config = configs.plain(pg)
    config["tenant"][0]["database"] = [configs.database(pg, "acme"),
                                       configs.database(pg, "globex")]
    return start(config)


def paused(admin) -> set:
    return {row["name"] for row in rows_of(admin, "show databases")
            if row["paused"] == "1"}


def take_back(pooler, waiting) -> None:
    cancel(pooler, waiting)
    with pytest.raises(wire.ServerError) as caught:
        waiting.recv_error()
    assert caught.value.sqlstate == "57014"


def test_a_pause_of_all_leaves_those_that_were_there_before(pooler, connect):
    client = connect(pooler)
    connect(pooler, database="globex").value("select 1")
    client.query("begin")
    with console(pooler) as waiting, console(pooler) as other:
        other.query("pause globex")
        assert paused(other) == {"globex"}
        waiting.send(wire.query("pause"))
        eventually(lambda: paused(other) == {"acme", "globex"}, "all are paused")
        take_back(pooler, waiting)
        assert paused(other) == {"globex"}
        late = connect(pooler, database="globex")
        late.send(wire.query("select 'late'"))
        late.wait_taken()
        # Those that are not paused go on.
        assert connect(pooler).value("select 1") == "1"
        assert [row["cl_waiting"] for row in rows_of(other, "show pools")
                if row["database"] == "globex"] == ["1"]
        other.query("resume globex")
        assert [wire.data_row(body) for tag, body in late.recv_until("Z")
                if tag == "D"] == [["late"]]


def test_a_second_pause_of_the_same_leaves_the_first(pooler, connect):
    client = connect(pooler)
    client.query("begin")
    with console(pooler) as first, console(pooler) as second, console(pooler) as other:
        thread = threading.Thread(target=first.query, args=("pause acme",))
        thread.start()
        eventually(lambda: paused(other) == {"acme"}, "it is paused")
        second.send(wire.query("pause acme"))
        eventually(lambda: pooler.text().count("verb=pause") == 2, "it waits, too")
        take_back(pooler, second)
        assert paused(other) == {"acme"}
        assert thread.is_alive()
        client.query("commit")
        thread.join(20)
        assert not thread.is_alive() and paused(other) == {"acme"}
