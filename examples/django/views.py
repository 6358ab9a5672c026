import json
import logging
import math
import os
from datetime import datetime, timezone
from uuid import uuid4

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST

from messages import LOCKED, REUSED, SENDING, SENT, UNDELIVERABLE, VERIFIED, WRONG, fault, reply
from pinroute import Fault, call, proven_number

log = logging.getLogger(__name__)


@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "index.html")


@require_POST
def start(request: HttpRequest) -> JsonResponse:
    session = request.session
    # The payload ties the verification to this visitor: another one who types the same number gets one of their own.
    body = {
        "phone_number": typed(request, "phone_number"),
        "payload": session.setdefault("visitor", str(uuid4())),
        # Behind a proxy, take the address that your own proxy wrote.
        "client": {"ip": request.META["REMOTE_ADDR"], "user_agent": request.headers.get("user-agent", "")},
        "locale": "en",
    }
    if domain := os.environ.get("SITE_DOMAIN"):
        body["web_domain"] = domain  # the last line of the SMS, for WebOTP
    started = call("/v1/verifications", body)
    session.update({"verification": started["id"], "number": started["phone_number"], "verified": None})
    return JsonResponse(sent(started, REUSED if started.get("reused") else None))


@require_POST
def resend(request: HttpRequest) -> JsonResponse:
    return JsonResponse(sent(call(own(request, "resend"), {"channel": "sms"})))


@require_POST
def check(request: HttpRequest) -> JsonResponse:
    session = request.session
    checked = call(own(request, "check"), {"code": typed(request, "code")})
    if checked["valid"]:
        session["verified"] = proven_number(checked["proof"], session["verification"], session["number"])
        return JsonResponse(reply("done", VERIFIED))
    if checked["status"] == "locked":
        return JsonResponse(reply("number", LOCKED))
    return JsonResponse(reply(None, WRONG.format(checks_left=checked["checks_left"])))


def typed(request: HttpRequest, name: str) -> str:
    try:
        return str(json.loads(request.body)[name])
    except (ValueError, KeyError, TypeError):
        return ""


def own(request: HttpRequest, action: str) -> str:
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


class Faults:
    """Middleware that answers faults of Pinroute with the visitor's sentence."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, raised: Exception) -> HttpResponse | None:
        if not isinstance(raised, Fault):
            return None
        if raised.code != "verification_not_found":
            log.warning("Pinroute: %s", raised.code)
        return JsonResponse(fault(raised.code, raised.retry_after))
