import logging
import math
import os
from datetime import datetime, timezone
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.middleware.sessions import SessionMiddleware

from messages import LOCKED, REUSED, SENDING, SENT, UNDELIVERABLE, VERIFIED, WRONG, fault, reply
from pinroute import Fault, call, proven_number

log = logging.getLogger("uvicorn.error")
app = FastAPI()
app.add_middleware(
    SessionMiddleware,
    secret_key=os.environ.get("SESSION_SECRET") or token_hex(),
    https_only=os.environ.get("SITE_URL", "").startswith("https://"),
)


class Number(BaseModel):
    phone_number: str = ""


class Code(BaseModel):
    code: str = ""


@app.post("/verification")
async def start(typed: Number, request: Request) -> dict:
    session = request.session
    # The payload ties the verification to this visitor: another one who types the same number gets one of their own.
    body = {
        "phone_number": typed.phone_number,
        "payload": session.setdefault("visitor", str(uuid4())),
        # Behind a proxy, uvicorn takes the address from X-Forwarded-For (--forwarded-allow-ips).
        "client": {"ip": request.client.host, "user_agent": request.headers.get("user-agent", "")},
        "locale": "en",
    }
    if domain := os.environ.get("SITE_DOMAIN"):
        body["web_domain"] = domain  # the last line of the SMS, for WebOTP
    started = await call("/v1/verifications", body)
    session.update(verification=started["id"], number=started["phone_number"], verified=None)
    return sent(started, REUSED if started.get("reused") else None)


@app.post("/verification/resend")
async def resend(request: Request) -> dict:
    return sent(await call(own(request, "resend"), {"channel": "sms"}))


@app.post("/verification/check")
async def check(typed: Code, request: Request) -> dict:
    session = request.session
    checked = await call(own(request, "check"), {"code": typed.code})
    if checked["valid"]:
        # In a thread, because it may fetch the keys.
        session["verified"] = await run_in_threadpool(
            proven_number, checked["proof"], session["verification"], session["number"]
        )
        return reply("done", VERIFIED)
    if checked["status"] == "locked":
        return reply("number", LOCKED)
    return reply(None, WRONG.format(checks_left=checked["checks_left"]))


def own(request: Request, action: str) -> str:
    """A path of the visitor's own verification: its id comes from the session, never from the browser."""
    if "verification" not in request.session:
        raise Fault("verification_not_found")
    return f"/v1/verifications/{request.session['verification']}/{action}"


def sent(verification: dict, message: str | None = None) -> dict:
    if verification["status"] == "failed":
        return reply("number", UNDELIVERABLE)
    resend_in = None  # no send is left
    if at := verification["resend_at"]:
        left = datetime.fromisoformat(at) - datetime.now(timezone.utc)
        resend_in = max(math.ceil(left.total_seconds()), 0)
    return reply("code", message or SENT.get(verification["channel"], SENDING), resend_in)


@app.exception_handler(Fault)
async def refused(request: Request, raised: Fault) -> JSONResponse:
    if raised.code != "verification_not_found":
        log.warning("Pinroute: %s", raised.code)
    return JSONResponse(fault(raised.code, raised.retry_after))


app.mount("/", StaticFiles(directory=Path(__file__).parent.parent / "html", html=True))
