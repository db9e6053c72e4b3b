"""A process that forks servers of the labelling page, which are to be killed.

For each path on stdin a child opens the session, serves its page, and tells its number
and address on stdout. When it is dead, this process says so. Forks of a process that
has imported everything begin at once.
"""

import os
import sys

from skactive.labeling import LabelingSession

N_ROWS = 3000
CLASSES = ["no", "yes"]


def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def serve(path):
    texts = [str(number) for number in range(N_ROWS)]
    session = LabelingSession(path, texts, classes=CLASSES, ids=range(N_ROWS))
    page = session.serve(open_browser=False, block=False)
    tell(os.getpid(), page.url)
    page._ended.wait()


def main():
    import starlette.applications  # noqa: F401
    import uvicorn  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            serve(line.strip())
            os._exit(1)
        os.waitpid(child, 0)
        tell("dead")


if __name__ == "__main__":
    main()
