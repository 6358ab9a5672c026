"""standardwebhooks for Python signs a request of Supabase's Send SMS hook."""

import json
import random
import uuid
from datetime import datetime, timedelta, timezone

from standardwebhooks import Webhook

from hook import Hook, verification
from surroundings import Phone, step, wait_for


def said(phone, code):
    """The body: numbers have no plus sign there."""
    number = phone.number.removeprefix("+")
    address = f"203.0.113.{random.randrange(256)}"
    return json.dumps(
        {
            "metadata": {"uuid": str(uuid.uuid4()), "name": "send-sms", "ip_address": address},
            "user": {"id": str(uuid.uuid4()), "phone": number, "app_metadata": {}, "user_metadata": {}},
            "sms": {"otp": code, "phone": number},
        }
    )


def signed(secrets, body, late=0, separator=" "):
    """The headers, `late` seconds ago. Supabase writes `v1,` before the secret, and makes a new id for each try."""
    at = datetime.now(tz=timezone.utc) - timedelta(seconds=late)
    id = str(uuid.uuid4())
    signatures = [Webhook(secret.removeprefix("v1,")).sign(id, at, body) for secret in secrets]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": separator.join(signatures),
    }


def taken(answer):
    status, body = answer
    assert status == 200 and body["code"] == "ok", answer
    return body["id"]


def refused(answer):
    status, body = answer
    assert status == 401 and body["code"] == "authentication_failed", answer


with Hook(kind="supabase") as hook, Hook(kind="supabase") as stranger:
    step("a code, which Telegram delivers")
    phone = Phone("1001")
    body = said(phone, "561166")
    id = taken(hook.post(signed([hook.secret], body), body))
    message = phone.next_message()
    assert (message["channel"], message["code"]) == ("telegram", "561166"), message

    step("the next tries of the same request are the first, whatever their ids")
    for _ in range(2):
        assert taken(hook.post(signed([hook.secret], body), body)) == id
    assert phone.is_silent()

    step("word of success")
    number = phone.number.removeprefix("+")
    assert taken(hook.verified({"phone_number": number, "code": "561166"})) == id
    found = verification(id)
    assert (found["status"], found["approved_by"]) == ("approved", "host"), found

    step("a number without Telegram gets an SMS")
    phone = Phone("0001")
    body = said(phone, "724501")
    taken(hook.post(signed([hook.secret], body), body))
    message = phone.next_message()
    assert message["channel"] == "sms" and "724501" in message["text"], message

    step("refused: altered, old, of the future, signed by another, not signed")
    phone = Phone("1002")
    body = said(phone, "561166")
    good = signed([hook.secret], body)
    refused(hook.post(good, body.replace("561166", "561167")))
    refused(hook.post(good, body + " "))
    refused(hook.post({**good, "webhook-id": str(uuid.uuid4())}, body))
    refused(hook.post({**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}, body))
    refused(hook.post(signed([hook.secret], body, late=310), body))
    refused(hook.post(signed([hook.secret], body, late=-310), body))
    refused(hook.post(signed([stranger.secret], body), body))
    refused(hook.post({}, body))
    assert phone.is_silent()
    taken(hook.post(good, body))
    assert phone.next_message()["code"] == "561166"

    step("two secrets, joined as Supabase joins them and as Standard Webhooks says")
    renewed = hook.rotate()

    def with_the_new_one():
        return hook.post(signed([renewed], body), body)[0] == 200

    wait_for("the new secret", with_the_new_one)
    for last_four, secrets, separator in [
        ("1003", [renewed, stranger.secret], ", "),
        ("1004", [stranger.secret, renewed], ", "),
        ("1005", [stranger.secret, renewed], " "),
        ("1006", [hook.secret], " "),
    ]:
        phone = Phone(last_four)
        body = said(phone, "561166")
        taken(hook.post(signed(secrets, body, separator=separator), body))
        assert phone.next_message()["code"] == "561166"

    step("refused, as the visitor is shown it")
    body = said(phone, "561166").replace(phone.number.removeprefix("+"), "12")
    status, answer = hook.post(signed([renewed], body), body)
    assert status == 200 and answer["error"]["http_code"] == 400 and answer["error"]["message"], answer
