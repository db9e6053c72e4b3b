"""Does the page lose labels when it is killed, and what do wrong requests do to it?

python benchmarks/session_http.py --kills 1000 --requests 20000
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from page_client import open_session, served
from test_page import check_events, send_mutated
from test_page_kills import kill_many


def kill(n_kills):
    start = time.perf_counter()

    def tell(number, n_labels, lost, lost_in_copies):
        if number % 100 == 0:
            print(
                f"{number} kills, {n_labels} labels acknowledged, {lost} lost, "
                f"{lost_in_copies} lost in plain copies, "
                f"{time.perf_counter() - start:.0f} s",
                flush=True,
            )

    with tempfile.TemporaryDirectory() as folder:
        kill_many(Path(folder), n_kills, clock=tell)
    print("integrity_check was ok each time, in the file and in a copy of it")


def send(n_requests):
    with tempfile.TemporaryDirectory() as folder:
        texts = [f"message {i}" for i in range(8)]
        with (
            open_session(Path(folder) / "a.skactive", texts) as session,
            served(session) as page,
        ):
            statuses = send_mutated(session, page, n_requests, seed=1)
            check_events(session)
            found = ", ".join(f"{s}: {n}" for s, n in sorted(statuses.items(), key=str))
            print(f"{n_requests} mutated requests; answers by status: {found}")
            print(f"{len(session.history())} events, all of them valid")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=20_000)
    args = parser.parse_args()
    send(args.requests)
    kill(args.kills)


if __name__ == "__main__":
    main()
