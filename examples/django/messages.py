"""What the visitor reads, and which form comes next; None leaves the page as it is."""

import math

SENT = {
    "telegram": "We sent you a code in Telegram. If it does not arrive, it comes by SMS.",
    "sms": "We sent you a code by SMS.",
}
SENDING = "We are sending you a code."
REUSED = "We have already sent you a code. Enter it."
UNDELIVERABLE = "No code can be delivered to this number. Check the number."
VERIFIED = "Your number is verified."
WRONG = "This code is wrong. Tries left: {checks_left}."
LOCKED = "Too many wrong codes. Ask for a new code."

UNAVAILABLE = (None, "This does not work at the moment. Try again in a minute.")
FAULTS = {
    "phone_number_invalid": (None, "This is not a phone number. Enter it with its country code: +998 90 123 45 67."),
    "phone_number_unsupported": (None, "This number cannot receive codes. Enter a mobile number."),
    "invalid_request": (None, "Enter the digits of the code."),
    "request_blocked": (None, "We cannot send a code to this number."),
    "country_blocked": (None, "We do not send codes to this country."),
    "rate_limited": (None, "Too many tries. Try again in {wait}."),
    "resend_too_soon": (None, "You can ask for another message in {wait}."),
    "too_many_sends": (None, "We cannot send this code again. Enter it, or try again later."),
    "channel_unavailable": (None, "The code cannot be sent that way."),
    "too_many_checks": ("number", LOCKED),
    "verification_expired": ("number", "This code has expired. Ask for a new code."),
    "verification_not_found": ("number", "This code has expired. Ask for a new code."),
    "verification_not_pending": ("number", "This code is no longer valid. Ask for a new code."),
    "budget_exhausted": (None, "We cannot send codes at the moment. Try again later."),
}


def reply(step: str | None, message: str, resend_in: int | None = None) -> dict:
    return {"step": step, "message": message, "resend_in": resend_in}


def fault(code: str | None, retry_after: int | None) -> dict:
    """The reply to the page for a fault of Pinroute."""
    step, text = FAULTS.get(code, UNAVAILABLE)
    if retry_after is not None:
        wait = f"{retry_after} s" if retry_after < 120 else f"{math.ceil(retry_after / 60)} min"
        text = text.replace("{wait}", wait)
    return reply(step, text, retry_after if code == "resend_too_soon" else None)
