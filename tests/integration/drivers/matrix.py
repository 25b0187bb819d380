"""The frame of the Python programs of the driver matrix: PORT USER PASSWORD
DATABASE WORKERS [VARIANT]. Every worker does every feature on connections of its
own and prints `worker <tab> feature <tab> result`; the test compares the results
with those of a run against PostgreSQL itself."""

import sys
import threading

LOCK = threading.Lock()


class Where:
    def __init__(self, arguments: list):
        self.port, self.user, self.password, self.database = arguments[1:5]
        self.port = int(self.port)
        self.workers = int(arguments[5])
        self.variant = arguments[6] if len(arguments) > 6 else "default"


def show(worker: int, feature: str, result) -> None:
    text = str(result).replace("\n", "\\n").replace("\t", " ")
    with LOCK:
        print(f"{worker}\t{feature}\t{text}", flush=True)


def attempt(worker: int, feature: str, act) -> None:
    """Runs one feature; what goes wrong is its result."""
    try:
        show(worker, feature, act())
    except Exception as why:  # A driver's error is an answer too.
        show(worker, feature, f"{type(why).__name__}: {str(why).strip()}")


def main(work) -> None:
    """`work(where, worker, schema)` for every worker, in threads."""
    where = Where(sys.argv)
    name = sys.argv[0].rsplit("/", 1)[-1].split(".")[0]

    def guarded(worker: int) -> None:
        attempt(worker, "connection", lambda: work(where, worker,
                                                   f"m_{name}_{worker}"))

    threads = [threading.Thread(target=guarded, args=(worker,), daemon=True)
               for worker in range(where.workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        if thread.is_alive():
            print("a worker does not end", file=sys.stderr)
            sys.exit(3)
