package main

import (
	"fmt"
	"strings"
)

// What the visitor reads.
const (
	sending       = "We are sending you a code."
	reused        = "We have already sent you a code. Enter it."
	undeliverable = "No code can be delivered to this number. Check the number."
	verified      = "Your number is verified."
	wrong         = "This code is wrong. Tries left: %d."
	locked        = "Too many wrong codes. Ask for a new code."
	unavailable   = "This does not work at the moment. Try again in a minute."
)

var sentBy = map[string]string{
	"telegram": "We sent you a code in Telegram. If it does not arrive, it comes by SMS.",
	"sms":      "We sent you a code by SMS.",
}

// Which form comes next, where a fault changes it, and what the visitor reads.
var faults = map[string]struct{ step, text string }{
	"phone_number_invalid":     {"", "This is not a phone number. Enter it with its country code: +998 90 123 45 67."},
	"phone_number_unsupported": {"", "This number cannot receive codes. Enter a mobile number."},
	"invalid_request":          {"", "Enter the digits of the code."},
	"request_blocked":          {"", "We cannot send a code to this number."},
	"country_blocked":          {"", "We do not send codes to this country."},
	"rate_limited":             {"", "Too many tries. Try again in {wait}."},
	"resend_too_soon":          {"", "You can ask for another message in {wait}."},
	"too_many_sends":           {"", "We cannot send this code again. Enter it, or try again later."},
	"channel_unavailable":      {"", "The code cannot be sent that way."},
	"too_many_checks":          {"number", locked},
	"verification_expired":     {"number", "This code has expired. Ask for a new code."},
	"verification_not_found":   {"number", "This code has expired. Ask for a new code."},
	"verification_not_pending": {"number", "This code is no longer valid. Ask for a new code."},
	"budget_exhausted":         {"", "We cannot send codes at the moment. Try again later."},
}

// reply is what the page gets; a nil step leaves it as it is.
type reply struct {
	Step     *string `json:"step"`
	Message  string  `json:"message"`
	ResendIn *int    `json:"resend_in"`
}

func show(step, message string) reply {
	if step == "" {
		return reply{Message: message}
	}
	return reply{Step: &step, Message: message}
}

func (f *fault) reply() reply {
	known, ok := faults[f.code]
	if !ok {
		return show("", unavailable)
	}
	wait := fmt.Sprintf("%d s", f.retryAfter)
	if f.retryAfter >= 120 {
		wait = fmt.Sprintf("%d min", (f.retryAfter+59)/60)
	}
	answer := show(known.step, strings.ReplaceAll(known.text, "{wait}", wait))
	if f.code == "resend_too_soon" {
		answer.ResendIn = &f.retryAfter
	}
	return answer
}
