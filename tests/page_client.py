"""What tests of the labelling page share: a session that is served, and a client."""

import contextlib
import http.client
import json
import threading
import urllib.error
import urllib.request
from itertools import count

from skactive.labeling import LabelingSession
from skactive.labeling._page import serve, stop

CLASSES = ["billing", "fault", "how-to"]
HOSTILE = [
    "<img src=x onerror=\"document.title='broken'\">",
    "<script>document.title = 'broken'</script>",
    "right \u202eto left\u202c, and \u2066isolated\u2069",
    "NUL \x00 and half a pair \ud83d",
    "https://example.org/?a=b&c=d {{nonce}} ${token} %s",
    "",
]


def open_session(path, texts, **options):
    """A session without a model, in random order."""
    defaults = {"classes": CLASSES, "ids": [f"T-{i}" for i in range(len(texts))]}
    return LabelingSession(path, texts, None, **(defaults | options))


@contextlib.contextmanager
def served(session, **options):
    """The page of a session, until the end of the block."""
    page = serve(session, open_browser=False, block=False, **options)
    try:
        yield page
    finally:
        stop(session)


class Client:
    """What the page does, without a browser."""

    def __init__(self, page, annotator="ann"):
        address, token = page.url.split("#token=")
        self.address, self.token, self.annotator = address, token, annotator
        self.requests = count()

    def post(self, name, **fields):
        """The answer; an HTTPError has that of the server as its `text`."""
        request = urllib.request.Request(
            f"{self.address}api/{name}",
            data=json.dumps(fields).encode(),
            headers={"X-Skactive-Token": self.token},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                body = answer.read()
                is_json = answer.headers["Content-Type"] == "application/json"
                return json.loads(body) if is_json else body
        except urllib.error.HTTPError as error:
            with error:
                error.text = json.loads(error.read())["error"]
            raise

    def take(self):
        return self.post("take", annotator=self.annotator)["items"]

    def write(self, name, row, **fields):
        fields = {"annotator": self.annotator, "request": self.new_request()} | fields
        return self.post(name, id=row, **fields)

    def label(self, row, label, **fields):
        return self.write("label", row, label=json.dumps(label), **fields)

    def undo(self):
        return self.post("undo", annotator=self.annotator, request=self.new_request())

    def new_request(self):
        return f"{self.annotator}-{next(self.requests)}"


class RawClient:
    """Requests as bytes, over one connection."""

    def __init__(self, page):
        self.port = page.port
        self.token = page.url.split("#token=")[1]
        self.connection = None

    def send(self, method, path, headers, body=b""):
        """Status and body of the answer; None where the server hung up."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=20
            )
        try:
            self.connection.putrequest(
                method, path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in headers:
                self.connection.putheader(name, value)
            self.connection.endheaders(body)
            answer = self.connection.getresponse()
            found = answer.status, answer.read()
            if answer.will_close:
                self.close()
            return found
        except (http.client.HTTPException, OSError):
            self.close()
            return None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def usual_headers(self, body):
        return [
            ("Host", f"127.0.0.1:{self.port}"),
            ("X-Skactive-Token", self.token),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ]


def together(functions):
    """Run functions in threads, and return what they return."""
    found = {}
    threads = [
        threading.Thread(target=lambda i=i, f=f: found.__setitem__(i, f()))
        for i, f in enumerate(functions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[i] for i in range(len(functions))]
