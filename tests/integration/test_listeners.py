"""Where clients arrive: each setting of a listener is what the kernel got."""

import os
import stat

from support import configs, ports, process, sockdiag, toml


def test_the_socket_has_the_mode_and_the_backlog_of_the_file(pg, tmp_path):
    number = ports.free_port()
    config = configs.plain(pg, modes=("transaction",))
    config["cenote"]["engine"] = os.environ.get("CENOTE_TEST_ENGINE", "epoll")
    config["listener"][0]["backlog"] = 7
    for port, mode in ((number, "0700"), (number + 1, "0770")):
        config["listener"].append({"unix_socket_dir": str(tmp_path), "port": port,
                                   "unix_socket_mode": mode})
    file = tmp_path / "cenote.toml"
    file.write_text(toml.dumps(config))
    tcp = config["listener"][0]["port"]
    with process.Process([process.binary(), str(file)], [tcp], tmp_path / "log"):
        for port, mode in ((number, 0o700), (number + 1, 0o770)):
            found = (tmp_path / f".s.PGSQL.{port}").stat().st_mode
            assert stat.S_ISSOCK(found) and stat.S_IMODE(found) == mode
        assert sockdiag.backlog(("127.0.0.1", tcp)) == 7
