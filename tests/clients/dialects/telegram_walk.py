"""The walk that every client of the Telegram Gateway takes; each program says how its library makes the calls.

A library is an object with `check_ability(number)`, `send(number, **options)`, `status(request_id, code=None)`,
`revoke(request_id)`, and `refusal(call)`, which makes a call that must fail and returns Telegram's word for it.
"""

from surroundings import Phone, step, wait_for

OWN_CODE = "73519246"
DELIVERIES = {"sent", "delivered", "read"}

# What a send gets refused for. Libraries look at some of it themselves.
REFUSED_SENDS = {
    "CODE_LENGTH_REQUIRED": {},
    "CODE_LENGTH_INVALID": {"code_length": 3},
    "CODE_INVALID": {"code": "12ab"},
    "TTL_INVALID": {"code": OWN_CODE, "ttl": 29},
    "CALLBACK_URL_INVALID": {"code": OWN_CODE, "callback_url": "https://shop.example/" + "a" * 256},
    "PAYLOAD_INVALID": {"code": OWN_CODE, "payload": "a" * 129},
    "SENDER_NOT_OWNED": {"code": OWN_CODE, "sender_username": "somebody_else"},
    "REQUEST_ID_INVALID": {"code": OWN_CODE, "request_id": "123456789012345"},
}


def walk(library, stranger, looked_at_by_the_library=()):
    """`stranger` is the library with a wrong token."""
    with_an_ability(library)
    with_an_own_code(library)
    with_too_many_checks(library)
    revoked(library)
    without_telegram(library)
    refused(library, stranger, looked_at_by_the_library)


def with_an_ability(library):
    step("an ability costs nothing, and one send takes it")
    phone = Phone("1001")
    ability = library.check_ability(phone.number)
    assert ability.request_id.isdecimal(), ability
    assert ability.phone_number == phone.number.removeprefix("+"), ability
    assert ability.request_cost == 0 and ability.remaining_balance is None, ability
    assert ability.delivery_status is None and ability.verification_status is None, ability
    assert phone.is_silent()

    sent = library.send(phone.number, request_id=ability.request_id, code_length=6, ttl=60, payload="order 42")
    assert sent.request_id == ability.request_id, sent
    assert sent.phone_number == phone.number.removeprefix("+"), sent
    assert sent.payload == "order 42" and sent.request_cost >= 0, sent
    assert sent.delivery_status.status in DELIVERIES and sent.delivery_status.updated_at, sent
    assert sent.verification_status is None and sent.remaining_balance is None, sent
    message = phone.next_message()
    assert message["channel"] == "telegram" and len(message["code"]) == 6, message

    word = library.refusal(lambda: library.send(phone.number, request_id=ability.request_id, code_length=6))
    assert word == "MESSAGE_ALREADY_SENT", word
    assert phone.is_silent()

    step("another number's ability is unknown")
    other = library.check_ability(Phone("1002").number)
    word = library.refusal(lambda: library.send(phone.number, request_id=other.request_id, code_length=6))
    assert word == "REQUEST_ID_INVALID", word

    step("a code that Pinroute made: no check, a wrong one, the right one")
    status = library.status(sent.request_id)
    assert status.request_id == sent.request_id and status.payload == "order 42", status
    assert status.verification_status is None, status
    wrong = "000000" if message["code"] != "000000" else "111111"
    checked = library.status(sent.request_id, wrong)
    assert checked.verification_status.status == "code_invalid", checked
    assert checked.verification_status.code_entered in (None, wrong), checked
    checked = library.status(sent.request_id, message["code"])
    assert checked.verification_status.status == "code_valid", checked
    assert checked.verification_status.updated_at, checked
    assert library.status(sent.request_id).verification_status.status == "code_valid"
    wait_for("delivery", lambda: library.status(sent.request_id).delivery_status.status in {"delivered", "read"})


def with_an_own_code(library):
    step("an own code, sent twice: two requests")
    phone = Phone("1002")
    first = library.send(phone.number, code=OWN_CODE)
    assert phone.next_message()["code"] == OWN_CODE
    second = library.send(phone.number, code=OWN_CODE)
    assert phone.next_message()["code"] == OWN_CODE
    assert first.request_id != second.request_id, second
    for sent in (first, second):
        checked = library.status(sent.request_id, OWN_CODE)
        assert checked.verification_status.status == "code_valid", checked


def with_too_many_checks(library):
    step("too many wrong codes, then the right one")
    sent = library.send(Phone("1003").number, code=OWN_CODE)
    for _ in range(4):
        checked = library.status(sent.request_id, "0000")
        assert checked.verification_status.status == "code_invalid", checked
    library.status(sent.request_id, "0000")
    for code in ("0000", OWN_CODE):
        checked = library.status(sent.request_id, code)
        assert checked.verification_status.status == "code_max_attempts_exceeded", checked


def revoked(library):
    step("a revoked message takes no code")
    sent = library.send(Phone("1004").number, code=OWN_CODE, ttl=60)
    assert library.revoke(sent.request_id) is True
    status = wait_for("the revocation", lambda: after_revocation(library, sent))
    assert status.verification_status.status == "expired", status
    assert status.delivery_status.status in DELIVERIES | {"revoked"}, status
    checked = library.status(sent.request_id, OWN_CODE)
    assert checked.verification_status.status == "expired", checked


def after_revocation(library, sent):
    status = library.status(sent.request_id)
    return status.verification_status and status


def without_telegram(library):
    step("a number without Telegram gets an SMS, and the client sees Telegram's words")
    phone = Phone("0001")
    ability = library.check_ability(phone.number)
    sent = library.send(phone.number, request_id=ability.request_id, code_length=6)
    seen = [sent]
    message = phone.next_message()
    assert message["channel"] == "sms" and len(message["code"]) == 6, message

    def delivered():
        seen.append(library.status(sent.request_id))
        return seen[-1].delivery_status.status == "delivered"

    wait_for("delivery", delivered)
    assert {status.delivery_status.status for status in seen} <= {"sent", "delivered"}, seen
    checked = library.status(sent.request_id, message["code"])
    assert checked.verification_status.status == "code_valid", checked
    assert checked.delivery_status.status == "delivered" and checked.request_cost >= 0, checked


def refused(library, stranger, looked_at_by_the_library):
    phone = Phone("1005")
    for word, options in REFUSED_SENDS.items():
        if word not in looked_at_by_the_library:
            step(f"refused: {word}")
            found = library.refusal(lambda options=options: library.send(phone.number, **options))
            assert found == word, found

    step("refused: PHONE_NUMBER_INVALID")
    word = library.refusal(lambda: library.send("+99812", code=OWN_CODE))
    assert word == "PHONE_NUMBER_INVALID", word
    word = library.refusal(lambda: library.check_ability("+99812"))
    assert word == "PHONE_NUMBER_INVALID", word

    step("refused: an unknown REQUEST_ID_INVALID")
    for call in (library.status, library.revoke):
        word = library.refusal(lambda call=call: call("123456789012345"))
        assert word == "REQUEST_ID_INVALID", word

    step("refused: ACCESS_TOKEN_INVALID")
    for call in (lambda: stranger.send(phone.number, code=OWN_CODE), lambda: stranger.status("123456789012345")):
        word = stranger.refusal(call)
        assert word == "ACCESS_TOKEN_INVALID", word
    assert phone.is_silent()
