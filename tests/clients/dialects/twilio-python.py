"""twilio: the official library for Python, pointed at Pinroute by one assignment."""

import json
import os
import re
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from openapi_schema_validator import OAS30Validator

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from surroundings import PREFIX, Phone, dialect, step, wait_for

SPEC = json.loads((Path(__file__).parents[2] / "specs/twilio_verify.json").read_text())

settings = dialect("twilio")
SERVICE = settings["service_sid"]


def client_of(username, password, account_sid=None):
    client = Client(username, password, account_sid)
    client.verify.base_url = settings["base_url"]
    client.http_client.session.hooks["response"].append(validated)
    return client


def validated(response, **_):
    """A successful answer has every field of Twilio's API description, and is valid by it."""
    if not response.ok or response.status_code == 204:
        return
    path = urlsplit(response.url).path.removeprefix("/twilio")
    # A path without parameters goes before one with them.
    template = min((known for known in SPEC["paths"] if matches(known, path)), key=lambda known: known.count("{"))
    answer = SPEC["paths"][template][response.request.method.lower()]["responses"][str(response.status_code)]
    [content] = answer["content"].values()
    body = response.json()
    OAS30Validator({**content["schema"], "components": SPEC["components"]}).validate(as_twilio(body))
    every_field(content["schema"], body)


def matches(template, path):
    parts, given = template.split("/"), path.split("/")
    return len(parts) == len(given) and all(part in (own, "") or part[0] == "{" for part, own in zip(parts, given))


def as_twilio(body):
    """Twilio's channels do not include Telegram."""
    if isinstance(body, dict):
        return {k: "sms" if (k, v) == ("channel", "telegram") else as_twilio(v) for k, v in body.items()}
    return [as_twilio(item) for item in body] if isinstance(body, list) else body


def every_field(schema, body):
    if "$ref" in schema:
        schema = SPEC["components"]["schemas"][schema["$ref"].split("/")[-1]]
    if isinstance(body, dict) and "properties" in schema:
        missing = schema["properties"].keys() - body.keys()
        assert not missing, (missing, body)
        for name, part in schema["properties"].items():
            every_field(part, body[name])
    if isinstance(body, list):
        for item in body:
            every_field(schema.get("items", {}), item)


def refused(call, code, status=None):
    """Of some codes only the code is known, not the status that Twilio gives them."""
    try:
        result = call()
    except TwilioRestException as error:
        assert error.code == code and status in (None, error.status), (error.status, error.code, error.msg)
    else:
        raise AssertionError(f"{code} expected: {result}")


def is_sid(text, prefix):
    return re.fullmatch(prefix + "[0-9a-f]{32}", text)


def wrong(code):
    return "0" * len(code) if code.strip("0") else "1" * len(code)


def start(phone, **options):
    return verifications.create(to=phone.number, channel="sms", **options)


def check(phone, code):
    return checks.create(to=phone.number, code=code)


def let_the_last_send_be():
    """Two sends within 2 s are one."""
    time.sleep(2.5)


client = client_of(settings["api_key_sid"], settings["api_key_secret"], settings["account_sid"])
verify = client.verify.v2
service = verify.services(SERVICE)
verifications, checks = service.verifications, service.verification_checks

step("the service")
fetched = service.fetch()
assert (fetched.sid, fetched.account_sid) == (SERVICE, settings["account_sid"])
assert fetched.friendly_name and 4 <= fetched.code_length <= 8 and fetched.custom_code_enabled is True, fetched.__dict__
assert isinstance(fetched.date_created, datetime) and isinstance(fetched.date_updated, datetime)
assert {"verifications", "verification_checks", "rate_limits"} <= fetched.links.keys(), fetched.links
assert SERVICE in [item.sid for item in verify.services.list()]

step("a verification")
phone = Phone("1001")
created = verifications.create_with_http_info(to=phone.number, channel="sms")
assert created.status_code == 201, created.status_code
first = created.data
assert is_sid(first.sid, "VE") and (first.service_sid, first.account_sid) == (SERVICE, settings["account_sid"])
assert (first.to, first.channel, first.status, first.valid) == (phone.number, "sms", "pending", False), first.__dict__
assert (first.lookup, first.amount, first.payee, first.sna) == ({}, None, None, None), first.__dict__
assert isinstance(first.date_created, datetime) and isinstance(first.date_updated, datetime)
assert first.url.endswith(f"/v2/Services/{SERVICE}/Verifications/{first.sid}"), first.url
[attempt] = first.send_code_attempts
assert is_sid(attempt["attempt_sid"], "VL") and attempt["channel"].lower() == "telegram", attempt
datetime.strptime(attempt["time"], "%Y-%m-%dT%H:%M:%SZ")

step("a second one within 2 s is the first")
again = start(phone)
assert (again.sid, again.send_code_attempts) == (first.sid, first.send_code_attempts), again.__dict__
message = phone.next_message()
assert message["channel"] == "telegram" and len(message["code"]) == fetched.code_length, message

step("a later one sends the same code by the next step")
let_the_last_send_be()
assert phone.is_silent()
again = start(phone)
assert (again.sid, again.channel) == (first.sid, "sms"), again.__dict__
assert again.send_code_attempts[0] == attempt and len(again.send_code_attempts) == 2, again.send_code_attempts
assert again.send_code_attempts[1]["channel"] == "SMS", again.send_code_attempts
resent = phone.next_message()
assert (resent["channel"], resent["code"]) == ("sms", message["code"]), resent

step("fetched by SID and by number")
for key in (first.sid, phone.number):
    found = verifications(key).fetch()
    assert (found.sid, found.status, found.valid) == (first.sid, "pending", False), found.__dict__
    assert found.send_code_attempts == again.send_code_attempts, found.send_code_attempts

step("a wrong code, the right one, and the right one again")
checked = checks.create_with_http_info(to=phone.number, code=wrong(message["code"]))
assert checked.status_code in (200, 201), checked.status_code
checked = checked.data
assert (checked.sid, checked.status, checked.valid) == (first.sid, "pending", False), checked.__dict__
checked = check(phone, message["code"])
assert (checked.sid, checked.to, checked.channel) == (first.sid, phone.number, "sms"), checked.__dict__
assert (checked.status, checked.valid, checked.sna_attempts_error_codes) == ("approved", True, []), checked.__dict__
assert isinstance(checked.date_created, datetime) and isinstance(checked.date_updated, datetime)
refused(lambda: check(phone, message["code"]), 20404, 404)
refused(verifications(first.sid).fetch, 20404, 404)

step("attempts")
attempts = verify.verification_attempts.list(verification_sid=first.sid)
assert {item.sid for item in attempts} == {item["attempt_sid"] for item in again.send_code_attempts}, attempts
assert "converted" in [item.conversion_status for item in attempts]
for item in attempts:
    assert (item.service_sid, item.verification_sid) == (SERVICE, first.sid), item.__dict__
    assert item.channel_data["to"] == phone.number, item.channel_data
    assert isinstance(item.date_created, datetime) and isinstance(item.date_updated, datetime)
    one = verify.verification_attempts(item.sid).fetch()
    assert (one.sid, one.channel) == (item.sid, item.channel), one.__dict__
# What a send costs may be known only after its delivery.
price = wait_for("the price", lambda: verify.verification_attempts(attempt["attempt_sid"]).fetch().price)
assert float(price["value"]) > 0 and price["currency"] == "usd", price
refused(verify.verification_attempts("VL" + "0" * 32).fetch, 20404, 404)

step("pages of attempts")
phone = Phone("1002")
for count in (1, 2, 3):
    if count > 1:
        let_the_last_send_be()
    paged = start(phone)
    assert len(paged.send_code_attempts) == count, paged.send_code_attempts
listed = verify.verification_attempts.list(verify_service_sid=SERVICE, channel_data_to=phone.number, page_size=1)
mine = [item.sid for item in listed if item.verification_sid == paged.sid]
assert len(mine) == 3 and set(mine) == {item["attempt_sid"] for item in paged.send_code_attempts}, mine
page = verify.verification_attempts.page(verification_sid=paged.sid, page_size=1)
assert len(list(page)) == 1 and len(list(page.next_page())) == 1

step("the summary")
summary = verify.verification_attempts_summary().fetch(verify_service_sid=SERVICE)
assert summary.total_attempts == summary.total_converted + summary.total_unconverted, summary.__dict__
assert isinstance(summary.total_attempts, int), summary.__dict__
float(summary.conversion_rate_percentage)

step("every option that changes nothing in the answer, and an own code")
phone = Phone("1003")
full = start(
    phone,
    custom_code="481516",
    locale="ru",
    custom_friendly_name="Shop",
    app_hash="FA+9qCX9VSu",
    tags='{"order": "42"}',
    device_ip="203.0.113.7",
    rate_limits={"no_such_limit": "203.0.113.7"},
    risk_check="enable",
    send_digits="1234",
    enable_sna_client_token=False,
)
assert full.status == "pending", full.__dict__
assert phone.next_message()["code"] == "481516"
let_the_last_send_be()
refused(lambda: start(phone, custom_code="234234"), 60200, 400)
again = start(phone, custom_code="481516")
assert again.sid == full.sid, again.__dict__
assert phone.next_message()["code"] == "481516"
approved = checks.create(verification_sid=full.sid, code="481516")
assert (approved.sid, approved.status) == (full.sid, "approved"), approved.__dict__

step("letters in a code: no Telegram, and their case counts")
phone = Phone("1004")
start(phone, custom_code="A1b2C3")
message = phone.next_message()
assert message["channel"] == "sms" and "A1b2C3" in message["text"], message
assert check(phone, "a1b2c3").status == "pending"
assert check(phone, "A1b2C3").status == "approved"

step("a number without Telegram")
phone = Phone("0001")
start(phone)
message = phone.next_message()
assert message["channel"] == "sms", message
assert check(phone, message["code"]).valid is True

step("telegram as a channel")
phone = Phone("1005")
direct = verifications.create(to=phone.number, channel="telegram")
assert direct.channel == "telegram", direct.channel
assert phone.next_message()["channel"] == "telegram"

step("canceled, and started anew")
canceled = verifications(direct.sid).update(status="canceled")
assert (canceled.sid, canceled.status, canceled.valid) == (direct.sid, "canceled", False), canceled.__dict__
assert verifications(direct.sid).fetch().status == "canceled"
refused(lambda: check(phone, "123456"), 20404, 404)
let_the_last_send_be()
anew = start(phone)
assert anew.sid != direct.sid and len(anew.send_code_attempts) == 1, anew.__dict__

step("approved by the host's word")
approved = verifications(phone.number).update(status="approved")
assert (approved.sid, approved.status, approved.valid) == (anew.sid, "approved", True), approved.__dict__
refused(verifications(anew.sid).fetch, 20404, 404)

step("five wrong codes, and no sixth")
phone = Phone("1006")
locked = start(phone)
code = phone.next_message()["code"]
for _ in range(5):
    checked = check(phone, wrong(code))
    assert (checked.status, checked.valid) == ("pending", False), checked.__dict__
refused(lambda: check(phone, wrong(code)), 60202, 429)
refused(lambda: check(phone, code), 60202, 429)
refused(lambda: start(phone), 60202, 429)
assert verifications(locked.sid).fetch().status == "max_attempts_reached"
assert phone.is_silent()

step("faults")
phone = Phone("1007")
refused(lambda: verifications.create(to="+99812", channel="sms"), 60200, 400)
refused(lambda: verifications.create(to=phone.number, channel="pigeon"), 60200, 400)
refused(lambda: start(phone, custom_code="123"), 60200, 400)
refused(lambda: start(phone, amount="12.30", payee="Shop"), 60204)
refused(lambda: check(phone, "123456"), 20404, 404)
refused(verifications("VE" + "0" * 32).fetch, 20404, 404)
refused(verify.services("VA" + "0" * 32).fetch, 20404, 404)
refused(verify.services("VA" + "0" * 32).verifications(phone.number).fetch, 20404, 404)
refused(client_of(settings["api_key_sid"], "pin_wrong").verify.v2.services(SERVICE).fetch, 20003, 401)
refused(client_of("AC" + "0" * 32, settings["api_key_secret"]).verify.v2.services(SERVICE).fetch, 20003, 401)

step("a key of scope verify reads everything, and writes no settings")
limits = service.rate_limits
assert isinstance(limits.list(), list) and isinstance(verify.templates.list(), list)
refused(lambda: verify.services.create(friendly_name="another"), 20403, 403)
refused(lambda: service.update(code_length=5), 20403, 403)
refused(service.delete, 20403, 403)
refused(lambda: limits.create(unique_name="ip"), 20403, 403)
refused(lambda: verify.safelist.create(phone_number=phone.number), 20403, 403)
refused(verify.safelist(phone.number).fetch, 20404, 404)
assert service.fetch().code_length == fetched.code_length

step("the account's SID as the user")
by_account = client_of(settings["account_sid"], settings["api_key_secret"])
assert by_account.verify.v2.services(SERVICE).fetch().sid == SERVICE

if "PINROUTE_ADMIN_KEY" not in os.environ:
    step("without PINROUTE_ADMIN_KEY no settings are written")
    raise SystemExit

# The account's SID is the project's, and so goes with every key of the project.
verify = client_of(settings["account_sid"], os.environ["PINROUTE_ADMIN_KEY"]).verify.v2
service = verify.services(SERVICE)

step("a rate limit of the service's own")
name = f"ip_{PREFIX.removeprefix('+')}"
limit = service.rate_limits.create(unique_name=name, description="sends per address")
assert is_sid(limit.sid, "RK") and limit.unique_name == name, limit.__dict__
assert isinstance(limit.date_created, datetime), limit.__dict__
assert limit.sid in [item.sid for item in service.rate_limits.list()]
buckets = service.rate_limits(limit.sid).buckets
bucket = buckets.create(max=1, interval=60)
assert is_sid(bucket.sid, "BL") and bucket.rate_limit_sid == limit.sid, bucket.__dict__
assert (bucket.max, bucket.interval) == (1, 60), bucket.__dict__
refused(lambda: buckets.create(max=5, interval=60), 60211)
assert [item.sid for item in buckets.list()] == [bucket.sid]
start(Phone("1008"), rate_limits={name: "203.0.113.8"})
refused(lambda: start(Phone("1009"), rate_limits={name: "203.0.113.8"}), 20429, 429)
start(Phone("1009"), rate_limits={name: "203.0.113.9"})
assert buckets(bucket.sid).update(max=7).max == 7
assert buckets(bucket.sid).fetch().max == 7
assert buckets(bucket.sid).delete() is True
assert buckets.list() == []
assert service.rate_limits(limit.sid).delete() is True
refused(service.rate_limits(limit.sid).fetch, 20404, 404)

step("the service's settings")
refused(lambda: service.update(code_length=9), 60200, 400)
refused(service.delete, 20403, 403)
changed = service.update(friendly_name="Shop", code_length=4, custom_code_enabled=False)
try:
    assert (changed.friendly_name, changed.code_length) == ("Shop", 4), changed.__dict__
    assert changed.custom_code_enabled is False, changed.__dict__
    # Another replica knows it within a second.
    wait_for("the new rule", lambda: not any(service.fetch().custom_code_enabled for _ in range(4)))
    phone = Phone("1011")
    refused(lambda: start(phone, custom_code="481516"), 60204)
    start(phone)
    assert len(phone.next_message()["code"]) == 4
finally:
    service.update(friendly_name=fetched.friendly_name, code_length=fetched.code_length, custom_code_enabled=True)
