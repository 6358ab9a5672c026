"""gojsonnet, the Jsonnet that Kratos has in it, renders our body for Kratos' courier."""

import json
import re
from datetime import datetime
from pathlib import Path

import _gojsonnet

from hook import Hook, verification
from surroundings import Phone, step

PAGE = Path(__file__).resolve().parents[3] / "docs" / "identity-servers" / "kratos.md"
BODY = re.search(r"<!-- file: pinroute\.jsonnet -->\n```jsonnet\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)


def rendered(phone, template_type, text, data):
    """What Kratos posts for a message: its context, as `courier/http_channel.go` has it, through the body."""
    context = {
        "recipient": phone.number,
        "subject": "",
        "body": text,
        "template_type": template_type,
        "template_data": {
            "to": phone.number,
            "identity": {"id": "1f1c6a2e-0d1b-4b53-9a0c-6f6a9f0c3c11", "traits": {"phone": phone.number}},
            "request_url": "https://shop.example/self-service/login/browser",
            "transient_payload": None,
            **data,
        },
        "message_type": "sms",
    }
    return json.loads(_gojsonnet.evaluate_snippet("pinroute.jsonnet", BODY, tla_codes={"ctx": json.dumps(context)}))


def lives(id):
    """How many seconds a verification's code is good."""
    found = verification(id)
    created, expires = (datetime.fromisoformat(found[at].replace("Z", "+00:00")) for at in ("created_at", "expires_at"))
    return round((expires - created).total_seconds())


with Hook(kind="generic", preset="kratos", ttl=420) as hook:
    bearer = {"Authorization": f"Bearer {hook.secret}"}

    for number, (template_type, name, minutes) in enumerate(
        [
            ("login_code_valid", "login_code", 15),
            ("registration_code_valid", "registration_code", 60),
            # Older versions do not say how long the code of a registration is good.
            ("registration_code_valid", "registration_code", None),
            ("verification_code_valid", "verification_code", 60),
            ("recovery_code_valid", "recovery_code", 60),
            # In some versions an SMS of a recovery has this name in it.
            ("recovery_code_valid", "verification_code", 60),
        ]
    ):
        step(f"{template_type}, {name}, {minutes} minutes")
        phone, code = Phone(f"100{number}"), f"56116{number}"
        data = {name: code} if minutes is None else {name: code, "expires_in_minutes": minutes}
        body = rendered(phone, template_type, f"Your code is: {code}\n\nIt expires in {minutes} minutes.\n", data)
        assert body["purpose"] == template_type and body["code"] == code, body
        status, answer = hook.post(bearer, body)
        assert status == 200 and answer["code"] == "ok", answer
        message = phone.next_message()
        assert (message["channel"], message["code"]) == ("telegram", code), message
        assert lives(answer["id"]) == (minutes * 60 if minutes else 420)

    step("an SMS has Kratos' text")
    phone = Phone("0001")
    text = "Your login code is: 724501\n\nIt expires in 15 minutes."
    body = rendered(phone, "login_code_valid", text, {"login_code": "724501", "expires_in_minutes": 15})
    assert hook.post(bearer, body)[0] == 200
    message = phone.next_message()
    assert (message["channel"], message["text"]) == ("sms", text), message

    step("a notice without a code, although it has a number in it: Kratos is told not to send it again")
    phone = Phone("1010")
    body = rendered(phone, "verifiable_address_changed", "Your number was changed. Questions? Call 4821.", {})
    assert set(body) == {"to", "purpose"}, body
    status, answer = hook.post(bearer, body)
    assert status == 200 and answer["code"] == "delivery_rejected", answer
    assert phone.is_silent()

    step("refused: the secret is another")
    status, answer = hook.post({"Authorization": "Bearer hook_another"}, body)
    assert status == 401, answer
