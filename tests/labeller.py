"""A process that forks labellers, which are to be killed: see test_session_kills.

It gets a path and a number of rows. For each line on stdin a child begins to label, and
tells on stdout what it has saved after the call has returned. When it is dead, this
process says so. Forks of a process that has imported everything begin at once.
"""

import os
import sys
import warnings
from itertools import count

from skactive.labeling import LabelingSession, _events

# The file is replaced by a larger one again and again.
_events._MIN_SPARE = 20
_events._SPARE_SHARE = 0.0


def label(path, n_rows):
    session = LabelingSession(
        path,
        [str(n) for n in range(n_rows)],
        ids=range(n_rows),
        classes=["no", "yes"],
        annotator="ann",
    )
    tell("pid", os.getpid())
    for n, item in enumerate(session):
        if n % 10 == 5:
            tell("event", session._file.last + 1, "undo", session.undo()["id"])
        if n % 10 == 7:
            said = session.discard(item.id)
        elif n % 10 == 8:
            said = session.add_labels({item.id: "no"}) and session.history(n=1)[0]
        else:
            said = session.label(item.id, "yes" if item.id % 3 else "no")
        tell("event", said["seq"], said["kind"], said["id"])
    for n in count():  # all rows have a label: they get others
        said = session.label(n % n_rows, "yes" if n % 2 else "no")
        tell("event", said["seq"], said["kind"], said["id"])


def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def main():
    warnings.simplefilter("ignore")  # Python's advice not to fork
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            label(sys.argv[1], int(sys.argv[2]))
            os._exit(0)
        os.waitpid(pid, 0)
        tell("dead")


if __name__ == "__main__":
    main()
