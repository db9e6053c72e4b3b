import pytest
from hypothesis import settings

# Reproducible, and no deadline: the machine that runs the tests may be busy.
settings.register_profile("skactive", deadline=None, derandomize=True)
settings.load_profile("skactive")


@pytest.fixture
def fast_disk(monkeypatch):
    """Sessions do not wait for the disk; tests of files are about what reaches it."""
    monkeypatch.setattr("skactive.labeling._events._SYNCHRONOUS", "OFF")


@pytest.fixture
def path(tmp_path):
    """Where the file of a session will be."""
    return tmp_path / "a.skactive"


@pytest.fixture
def opened(path):
    """Open the session of `session_pool` at `path`; each is closed at the end."""
    from session_pool import CLASSES, IDS, X
    from skactive.labeling import LabelingSession

    sessions = []

    def open_it(X=X, learner=None, **params):
        given = {"ids": IDS, "classes": CLASSES, "annotator": "ann"} | params
        sessions.append(LabelingSession(path, X, learner, **given))
        return sessions[-1]

    yield open_it
    for session in sessions:
        session.close()
