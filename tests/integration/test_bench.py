"""The scripts of bench/ run and print their tables. No number is looked at."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import pytest

from support import forbid, process

BENCH = process.ROOT / "bench"


def bench(script: str, *options: str) -> str:
    done = subprocess.run([sys.executable, str(BENCH / script), *options],
                          capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def tables(text: str) -> list:
    """Each as a list of rows, the head first; every row is as long as the head."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        rows = [[cell.strip() for cell in line.strip("|").split("|")]
                for line in block.splitlines()]
        assert all(len(row) == len(rows[0]) for row in rows), block
        found.append([rows[0], *rows[2:]])
    return found


def first_words(table: list) -> list:
    return [row[0] for row in table[1:]]


def test_idle():
    steps, last = tables(bench("idle", "20", "--seconds", "1", "--targets",
                               "pgbouncer,cenote-epoll"))
    assert len(steps) == 1 + 2 * 2 * 4  # Targets, plain and TLS, steps.
    assert first_words(last) == ["pgbouncer", "cenote-epoll"] * 2


def test_storm_refuses_nobody():
    (table,) = tables(bench("storm", "200", "--seconds", "1", "--targets",
                            "pgbouncer,cenote-epoll"))
    assert first_words(table) == ["pgbouncer", "cenote-epoll"]
    assert [row[2] for row in table] == ["refused", "0", "0"]


def test_tenants():
    (table,) = tables(bench("tenants", "10", "--seconds", "1", "--targets",
                            "pgbouncer,cenote-epoll"))
    assert first_words(table) == ["pgbouncer", "cenote-epoll"]


def test_fair():
    crowd, neighbours = tables(bench("fair", "--seconds", "1", "--targets",
                                     "direct,cenote-epoll"))
    assert first_words(crowd) == ["cenote-epoll"] * 2  # One shard, and all.
    assert first_words(neighbours) == ["direct"] + ["cenote-epoll"] * 2


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind here")
def test_instructions():
    """Without cenote: valgrind and sanitizers do not run in one process."""
    (table,) = tables(bench("instructions", "--targets", "pgbouncer", "--rows",
                            "select simple 1,copy in"))
    assert first_words(table) == ["select simple 1", "select simple 16",
                                  "copy in 1, per MB"]


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind here")
def test_touched():
    (table,) = tables(bench("touched", "--targets", "pgbouncer", "--rows",
                            "select simple 16"))
    assert first_words(table) == ["select simple 16"]
    instructions, lines, pages = (int(word.replace(",", "")) for word in table[1][2:])
    assert instructions > lines > pages > 1


def test_run_and_its_plots(tmp_path: pathlib.Path):
    kept = tmp_path / "runs.json"
    said = bench("run", "--quick", "--seconds", "1", "--rows", "select simple 1,copy in",
                 "--targets", "direct,pgbouncer,cenote-epoll", "--json", str(kept))
    (table,) = tables(said)
    assert len(table) == 1 + 3 * 3
    assert set(json.loads(kept.read_text())["results"]) == {
        "select simple 1", "select simple 16", "copy in 1"}
    assert bench("run", "--from", str(kept), "--plots", str(tmp_path)) == said
    for name in ("throughput.svg", "processor.svg"):
        drawn = xml.etree.ElementTree.fromstring((tmp_path / name).read_text())
        assert len(drawn.findall("{http://www.w3.org/2000/svg}rect")) >= 3 * 2


def test_run_in_slices(tmp_path: pathlib.Path, monkeypatch):
    """Also TPC-B, whose locks the others do not wait for; another pgbouncer; and a
    pooler that is not here."""
    other = tmp_path / "pgbouncer"
    other.write_text('#!/bin/sh\nexec /usr/sbin/pgbouncer "$@"\n')
    for each in (tmp_path, *tmp_path.parents[:-2]):
        each.chmod(0o755)
    other.chmod(0o755)
    folders = [x for x in os.environ["PATH"].split(":")
               if not os.path.exists(os.path.join(x, "odyssey"))]
    monkeypatch.setenv("PATH", ":".join([str(tmp_path), *folders]))
    targets = ["pgbouncer", "pgbouncer-newer", "cenote-epoll"]
    (table,) = tables(bench("run", "--slice", "0.05", "--rounds", "1", "--seconds", "1",
                            "--rows", "select simple 16,tpc-b,copy", "--targets",
                            ",".join([*targets, "odyssey"])))
    assert [(row[0], row[1]) for row in table[1:]] == [
        (row, target) for row in ("select simple 16", "tpc-b simple 16")
        for target in targets]


@pytest.mark.skipif(not forbid.allows_io_uring(), reason="no io_uring here")
def test_run_over_a_bare_pool():
    """More clients than servers, transactions of many queries, servers whose names of
    statements the second client has, too; no row that it cannot have."""
    (table,) = tables(bench("run", "--quick", "--rounds", "2", "--seconds", "1",
                            "--rows", "select simple 64,tpc-b,prepared 16",
                            "--targets", "forwarder-uring,pool-uring,pgbouncer"))
    targets = ["forwarder-uring", "pool-uring", "pgbouncer"]
    assert [(row[0], row[1]) for row in table[1:]] == [
        *(("select simple 64", target) for target in targets),
        *(("select prepared 16", target) for target in targets),
        *(("tpc-b simple 16", target) for target in targets),
        ("tls prepared 16", "pgbouncer")]
    transactions_per_second = [float(row[2].split()[0].replace(",", ""))
                               for row in table[1:]]
    assert all(x > 0 for x in transactions_per_second)
