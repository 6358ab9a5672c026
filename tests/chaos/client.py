"""Sends JSON requests over connections that each thread keeps, and says how each one ended."""

import http.client
import json
import socket
import threading
import time
import urllib.parse

# No answer of the service may take this long.
TIMEOUT = 15.0

# A connection that was idle for longer is not used again: the other side may be closing it at that moment.
IDLE = 2.0

_kept = threading.local()


class Answer:
    """What came back. `status` is 0 if nothing did, and `fault` then says why: refused, late or cut."""

    __slots__ = ("status", "body", "headers", "seconds", "fault")

    def __init__(self, status, body, headers, seconds, fault=""):
        self.status = status
        self.body = body
        self.headers = headers
        self.seconds = seconds
        self.fault = fault

    @property
    def taken(self):
        return 200 <= self.status < 300

    @property
    def code(self):
        """The problem's code, if the answer is a problem."""
        return self.body.get("code", "") if isinstance(self.body, dict) else ""

    def json(self):
        return self.body if isinstance(self.body, dict) else {}


def ask(base, method, path, key=None, body=None, idempotency=None, timeout=TIMEOUT, headers=None):
    """One request, sent once: what is to be repeated is for the caller to decide."""
    sent = {"Accept": "application/json"}
    if key:
        sent["Authorization"] = "Bearer " + key
    if idempotency:
        sent["Idempotency-Key"] = idempotency
    data = None
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent["Content-Type"] = "application/json"
    sent.update(headers or {})
    begin = time.monotonic()
    connection = _connection(base, timeout)
    try:
        connection.request(method, path, data, sent)
        response = connection.getresponse()
        text = response.read()
        connection.used = time.monotonic()
        got = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, _parse(text), got, time.monotonic() - begin)
    except ConnectionRefusedError:
        fault = "refused"
    except (socket.timeout, TimeoutError):
        fault = "late"
    except (OSError, http.client.HTTPException):
        fault = "cut"
    _forget(base)
    return Answer(0, None, {}, time.monotonic() - begin, fault)


def _parse(text):
    try:
        return json.loads(text)
    except ValueError:
        return text.decode("utf-8", "replace")


def _connection(base, timeout):
    kept = _kept.__dict__.setdefault("connections", {})
    connection = kept.get(base)
    if connection is not None and time.monotonic() - connection.used > IDLE:
        connection.close()
    if connection is None:
        address = urllib.parse.urlsplit(base)
        connection = kept[base] = _NoDelay(address.hostname, address.port, timeout=timeout)
    connection.timeout = timeout
    connection.used = time.monotonic()
    if connection.sock is not None:
        connection.sock.settimeout(timeout)
    return connection


def _forget(base):
    connection = _kept.connections.pop(base, None)
    if connection is not None:
        connection.close()


class _NoDelay(http.client.HTTPConnection):
    used = 0.0

    def connect(self):
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
