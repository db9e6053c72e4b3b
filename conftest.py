"""What has to be settled before numpy and matplotlib are imported by any test."""

import importlib.util
import os

# Small products only: threads of the linear algebra would wait for each other.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
# Pictures need no screen.
os.environ.setdefault("MPLBACKEND", "Agg")

collect_ignore = []
if importlib.util.find_spec("matplotlib") is None:
    collect_ignore.append("skactive/display")
if importlib.util.find_spec("skorch") is None:
    collect_ignore.append("skactive/torch.py")
