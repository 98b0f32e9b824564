"""A page's script in a browser: what it may send to another origin, and which parts of the answer it may read (CORS).

Implements the part of the Fetch standard that the tests need.
"""

from dataclasses import dataclass

from harness import http_client

SIMPLE_METHODS = ("GET", "HEAD", "POST")
SIMPLE_HEADERS = ("accept", "accept-language", "content-language")
SIMPLE_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
SHOWN_HEADERS = ("cache-control", "content-language", "content-length", "content-type", "expires", "last-modified")


class Blocked(Exception):
    """All that a script learns: the reason appears only in the browser's console."""


@dataclass
class Page:
    """A page of an origin, whose script asks a server on a unix socket."""

    origin: str
    server: object

    def fetch(self, target, headers=(), method="GET", **options):
        unsafe = unsafe_names(headers)
        if unsafe or method not in SIMPLE_METHODS:
            self.ask_before(target, method, unsafe)
        answer = self.send(target, headers, method=method, **options)
        self.must_be_allowed(answer)
        return shown(answer)

    def ask_before(self, target, method, unsafe):
        """The preflight."""
        questions = [("Access-Control-Request-Method", method)]
        if unsafe:
            questions.append(("Access-Control-Request-Headers", ",".join(unsafe)))
        answer = self.send(target, questions, method="OPTIONS")
        self.must_be_allowed(answer)
        if not 200 <= answer.status <= 299:
            raise Blocked(f"the preflight was answered with {answer.status}")
        if method not in SIMPLE_METHODS and method not in names(answer, "Access-Control-Allow-Methods"):
            raise Blocked(f"no {method}")
        allowed = [name.lower() for name in names(answer, "Access-Control-Allow-Headers")]
        for name in unsafe:
            if name not in allowed:  # "*" is never meant for Authorization
                raise Blocked(f"no {name}")

    def send(self, target, headers, **options):
        return http_client.request(self.server, target, [("Origin", self.origin), *headers], **options)

    def must_be_allowed(self, answer):
        if answer.all("Access-Control-Allow-Origin") not in (["*"], [self.origin]):
            raise Blocked("not for this origin")


def unsafe_names(headers):
    return sorted({name.lower() for name, value in headers if not is_simple(name.lower(), value)})


def is_simple(name, value):
    return name in SIMPLE_HEADERS or (name == "content-type" and value.partition(";")[0] in SIMPLE_TYPES)


def names(answer, header):
    return [name.strip() for value in answer.all(header) for name in value.split(",")]


def shown(answer):
    """The parts of an answer that the script can read."""
    exposed = {name.lower() for name in names(answer, "Access-Control-Expose-Headers")} | {*SHOWN_HEADERS}
    headers = tuple((name, value) for name, value in answer.headers if name.lower() in exposed)
    return http_client.Response(answer.status, headers, answer.body)
