"""Does a session lose answers when its process is killed?

Labels, discards, imports and their undoing through the Python interface. For the same
through HTTP, see `session_http.py`.

python benchmarks/session_kills.py --kills 1000
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from test_session_kills import kill_many


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    args = parser.parse_args()
    start = time.perf_counter()

    def tell(n_dead, n_saved):
        if n_dead % 100 == 0:
            seconds = time.perf_counter() - start
            print(f"{n_dead} kills, {n_saved} answers, {seconds:.0f} s", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        kill_many(Path(folder), args.kills, 10_000, 0.1, tell)
    print("0 acknowledged answers lost, integrity_check ok in each plain copy")


if __name__ == "__main__":
    main()
