"""clients/python: the whole way with both clients, then what only a server that misbehaves shows."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
import queue
import socket
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ParamSpec, TypeVar

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pinroute import (
    AsyncPinroute,
    ChannelUnavailable,
    ConnectionLost,
    NumberRefused,
    Pinroute,
    PinrouteError,
    ProblemError,
    ProofInvalid,
    ServiceUnavailable,
    TooSoon,
    UnexpectedAnswer,
    VerificationOver,
    WebhookInvalid,
    verify_webhook,
)
from pinroute.types import EventType, Verification

P = ParamSpec("P")
E = TypeVar("E", bound=PinrouteError)

URL, KEY = os.environ["PINROUTE_URL"], os.environ["PINROUTE_KEY"]
CODE = "424242"


def number(which: int) -> str:
    """One of several, since sends to one number are limited."""
    given = os.environ["PINROUTE_NUMBER"]
    return f"{given[:-4]}{which}{given[-3:]}"


def raised(kind: type[E], call: Callable[P, object], *given: P.args, **named: P.kwargs) -> E:
    try:
        call(*given, **named)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


# --- Servers of the tests


class Cutter:
    """Forwards to Pinroute, and cuts the first event stream inside its second event."""

    def __init__(self) -> None:
        self.resumed_after: list[bytes] = []
        self._has_cut = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._socket.accept()
            far = socket.create_connection((httpx.URL(URL).host, httpx.URL(URL).port or 80))
            threading.Thread(target=self._requests, args=(near, far), daemon=True).start()
            threading.Thread(target=self._answers, args=(far, near), daemon=True).start()

    def _requests(self, near: socket.socket, far: socket.socket) -> None:
        while said := near.recv(65536):
            for line in said.lower().split(b"\r\n"):
                if line.startswith(b"last-event-id:"):
                    self.resumed_after.append(line.partition(b":")[2].strip())
            far.sendall(said)
        far.close()

    def _answers(self, far: socket.socket, near: socket.socket) -> None:
        while said := far.recv(65536):
            before, mark, _ = said.partition(b"id: 2\n")
            if mark and not self._has_cut:
                self._has_cut = True
                near.sendall(before + mark)
                break
            near.sendall(said)
        near.shutdown(socket.SHUT_RDWR)


class Server:
    """Answers as it is told, `None` by hanging up, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, object, dict[str, str]] | None) -> None:
        self.asked: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        left = list(answers)
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                server.asked.put(({name.lower(): value for name, value in self.headers.items()}, body))
                answer = left.pop(0) if len(left) > 1 else left[0]
                self.close_connection = answer is None
                if answer is not None:
                    self.reply(*answer)

            do_GET = do_POST

            def reply(self, status: int, said: object, headers: dict[str, str]) -> None:
                body = json.dumps(said).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{http.server_address[1]}"
        threading.Thread(target=http.serve_forever, daemon=True).start()

    def asked_in_all(self) -> list[dict[str, str]]:
        return [headers for headers, _ in self.asked.queue]


def problem(status: int, code: str, **headers: str) -> tuple[int, object, dict[str, str]]:
    return status, {"type": "", "title": "", "status": status, "detail": "", "code": code}, headers


# --- The whole way


def walk(client: Pinroute, project_id: str) -> None:
    started = client.start(phone_number=number(6), code=CODE, locale="ru", client={"user_agent": "test"}, wait=5)
    assert started["status"] == "pending" and "reused" not in started
    again = client.start(phone_number=number(6), code=CODE)
    assert again["id"] == started["id"] and again["reused"]
    assert client.get(started["id"])["checks_left"] == 5

    wrong = client.check(started["id"], "000000")
    assert not wrong["valid"] and wrong["checks_left"] == 4
    key = str(uuid.uuid4())
    right = client.check(started["id"], CODE, idempotency_key=key)
    assert right["valid"]
    assert client.check(started["id"], CODE, idempotency_key=key)["proof"] == right["proof"]
    over = raised(VerificationOver, client.check, started["id"], CODE)
    assert (over.code, over.status, over.verification_status) == ("verification_not_pending", 409, "approved")

    claims = client.verify_proof(
        right["proof"], audience=project_id, phone_number=number(6), verification_id=started["id"]
    )
    assert claims["sub"] == number(6) and claims["vid"] == started["id"] and claims["iss"] == URL
    for other in ({"audience": "another"}, {"phone_number": number(7)}, {"verification_id": "another"}):
        expected = {"audience": project_id, **other}
        raised(ProofInvalid, client.verify_proof, right["proof"], **expected)
    head, body, signature = right["proof"].split(".")
    forged = f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    raised(ProofInvalid, client.verify_proof, forged, audience=project_id)
    raised(ProofInvalid, client.verify_proof, "no.proof", audience=project_id)


def resend_and_cancel(client: Pinroute) -> None:
    started = client.start(phone_number=number(7), code=CODE, channels=["sms"])
    soon = raised(TooSoon, client.resend, started["id"])
    assert soon.code == "resend_too_soon" and soon.status == 429 and soon.retry_after
    time.sleep(soon.retry_after)
    closed = raised(ChannelUnavailable, client.resend, started["id"], "telegram")
    assert closed.channels == ["sms"]
    resent = client.resend(started["id"], "sms")
    assert resent["channel"] == "sms" and resent["sends_left"] == started["sends_left"] - 1
    assert client.cancel(started["id"])["status"] == "canceled"
    over = raised(VerificationOver, client.resend, started["id"])
    assert over.verification_status == "canceled"


def problems(client: Pinroute) -> None:
    refused = raised(NumberRefused, client.start, phone_number="12")
    assert refused.code == "phone_number_invalid" and refused.status == 422 and refused.request_id
    assert [fault["pointer"] for fault in refused.errors] == ["/phone_number"]
    none = raised(VerificationOver, client.get, str(uuid.uuid4()))
    assert none.code == "verification_not_found" and none.retry_after is None
    invalid = raised(ProblemError, client.start, phone_number=number(6), ttl=1)
    assert type(invalid) is ProblemError and invalid.code == "invalid_request"
    with Pinroute(URL, "wrong") as stranger:
        assert raised(ProblemError, stranger.get, "x").code == "unauthorized"
        assert raised(ProblemError, list, stranger.events("x")).code == "unauthorized"


def events(client: Pinroute) -> None:
    cutter = Cutter()
    started = client.start(phone_number=number(8), code=CODE)
    seen: list[str] = []
    kinds: list[EventType] = []
    with Pinroute(cutter.url, KEY) as watcher:
        for event in watcher.events(started["id"]):
            seen.append(event["id"])
            kinds.append(event["type"])
            if event["type"] == "verification.delivered":
                assert client.check(started["id"], CODE)["valid"]
        assert kinds[-1] == "verification.approved"
        assert seen == [str(n + 1) for n in range(len(seen))]
        assert cutter.resumed_after == [b"1", seen[-1].encode()]
        assert [event["id"] for event in watcher.events(started["id"], last_event_id="2")] == seen[2:]


async def walk_async(project_id: str) -> None:
    cutter = Cutter()
    async with AsyncPinroute(cutter.url, KEY, issuer=URL) as client:
        started = await client.start(phone_number=number(9), code=CODE)
        assert (await client.start(phone_number=number(9), code=CODE))["reused"]
        assert not (await client.check(started["id"], "000000"))["valid"]
        seen: list[str] = []
        async for event in client.events(started["id"]):
            seen.append(event["id"])
            if event["type"] == "verification.delivered":
                right = await client.check(started["id"], CODE)
        assert seen == [str(n + 1) for n in range(len(seen))]
        assert cutter.resumed_after == [b"1", seen[-1].encode()]
        claims = await client.verify_proof(right["proof"], audience=project_id, verification_id=started["id"])
        assert claims["sub"] == number(9)
        assert (await client.get(started["id"]))["status"] == "approved"

        other = await client.start(phone_number=number(9))
        try:
            await client.resend(other["id"])
        except TooSoon as soon:
            await asyncio.sleep(soon.retry_after or 0)
        await client.resend(other["id"])
        assert (await client.cancel(other["id"]))["status"] == "canceled"

    server = Server(None, problem(503, "service_unavailable"), (201, {"id": "x"}, {}))
    async with AsyncPinroute(server.url, KEY) as client:
        assert (await client.start(phone_number=number(9)))["id"] == "x"
    assert len({asked["idempotency-key"] for asked in server.asked_in_all()}) == 1


# --- Webhooks


def webhooks(client: Pinroute) -> None:
    receiver = Server((204, None, {}))
    api = httpx.Client(base_url=URL, headers={"authorization": f"Bearer {KEY}"})
    hook = api.post("/v1/webhooks", json={"url": receiver.url, "events": ["*"]}).raise_for_status().json()
    address, old = f"/v1/webhooks/{hook['id']}", hook["secret"]
    try:
        canceled = client.cancel(client.start(phone_number=number(7), payload="webhooks")["id"])
        headers, body = receiver.asked.get(timeout=20)
        message = verify_webhook(body, headers, old)
        about: Verification = message["data"]
        assert message["type"].startswith("verification.") and about["id"] == canceled["id"]

        new = api.post(f"{address}/rotate").raise_for_status().json()["secret"]
        api.post(f"{address}/test").raise_for_status()
        while message["type"] != "webhook.test":
            headers, body = receiver.asked.get(timeout=20)
            message = verify_webhook(body, headers, old)
        assert verify_webhook(body.decode(), headers, new) == message
        assert len(headers["webhook-signature"].split(" ")) == 2
    finally:
        api.delete(address).raise_for_status()

    raised(WebhookInvalid, verify_webhook, body + b" ", headers, new)
    raised(WebhookInvalid, verify_webhook, body, {**headers, "webhook-id": "another"}, new)
    raised(WebhookInvalid, verify_webhook, body, {}, new)
    stranger = "whsec_" + base64.b64encode(bytes(32)).decode()
    raised(WebhookInvalid, verify_webhook, body, headers, stranger)
    for age, is_taken in ((290, True), (310, False), (-310, False)):
        timestamp = str(int(time.time()) - age)
        content = f"{headers['webhook-id']}.{timestamp}.".encode() + body
        signature = hmac.new(bytes(32), content, hashlib.sha256).digest()
        signed = {
            "Webhook-Id": headers["webhook-id"],
            "Webhook-Timestamp": timestamp,
            "Webhook-Signature": f"v1a,other v1,{base64.b64encode(signature).decode()}",
        }
        if is_taken:
            assert verify_webhook(body, signed, stranger) == message
        else:
            raised(WebhookInvalid, verify_webhook, body, signed, stranger)


# --- Servers that misbehave


def retries() -> None:
    down = problem(503, "service_unavailable")
    server = Server(down, None, down, (201, {"id": "x"}, {}))
    with Pinroute(server.url, KEY) as client:
        assert client.start(phone_number=number(6))["id"] == "x"
    asked = server.asked_in_all()
    assert len(asked) == 4 and len({headers["idempotency-key"] for headers in asked}) == 1

    for answer, kind, tries in (
        (down, ServiceUnavailable, 3),
        (problem(503, "service_unavailable", **{"retry-after": "600"}), ServiceUnavailable, 1),
        (None, ConnectionLost, 3),
        (problem(429, "rate_limited", **{"retry-after": "1"}), TooSoon, 1),
        (problem(500, "internal_error"), ProblemError, 1),
        (problem(409, "idempotency_in_progress"), ProblemError, 1),
        ((502, "a proxy", {}), UnexpectedAnswer, 1),
        ((302, None, {"location": URL}), UnexpectedAnswer, 1),
    ):
        server = Server(answer)
        with Pinroute(server.url, KEY, retries=2) as client:
            error = raised(kind, client.start, phone_number=number(6))
        asked = server.asked_in_all()
        assert len(asked) == tries, kind
        assert error.idempotency_key == asked[0]["idempotency-key"]

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Pinroute(address, KEY, timeout=0.1, retries=1) as client:
            raised(ConnectionLost, client.get, "x")


def keys() -> None:
    """One fetch for many proofs, and one more for an unknown key."""
    signer = Ed25519PrivateKey.generate()

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    def proof(kid: str = "a", alg: str = "EdDSA", **claims: object) -> str:
        parts = ({"alg": alg, "kid": kid}, {"iss": server.url, "aud": "p", "exp": time.time() + 60, **claims})
        signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{encoded(signer.sign(signed.encode()))}"

    public = {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "x": encoded(signer.public_key().public_bytes_raw()),
    }
    sets = [{"keys": [{**public, "kid": kid} for kid in kids]} for kids in ("a", "ab")]
    server = Server(*((200, it, {}) for it in sets))
    with Pinroute(server.url, KEY) as client:

        def verify(token: str) -> object:
            return client.verify_proof(token, audience="p")

        verify(proof())
        verify(proof())
        for bad in (
            proof(exp=time.time() - 1),
            proof(exp=None),
            proof(iss="another"),
            proof(alg="none"),
            proof(aud=["p"]),
        ):
            raised(ProofInvalid, verify, bad)
        assert len(server.asked_in_all()) == 1
        verify(proof("b"))
        raised(ProofInvalid, verify, proof("c"))
        raised(ProofInvalid, verify, proof("d"))
    asked = server.asked_in_all()
    assert len(asked) == 2 and "authorization" not in asked[0]


class Ear(logging.Handler):
    """Hears everything that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


ear = Ear()
logging.basicConfig(level=logging.DEBUG, handlers=[ear])
projects = httpx.get(f"{URL}/v1/projects", headers={"authorization": f"Bearer {KEY}"}).raise_for_status().json()
project_id = next(project["id"] for project in projects["items"] if project["name"] == "default")
with Pinroute(URL, KEY) as client:
    walk(client, project_id)
    problems(client)
    resend_and_cancel(client)
    events(client)
    webhooks(client)
asyncio.run(walk_async(project_id))
retries()
keys()
assert ear.heard and not any(secret in line for line in ear.heard for secret in (CODE, KEY))
