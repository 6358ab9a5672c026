<?php
// What the visitor reads, and which form comes next; null leaves the page as it is.

declare(strict_types=1);

const SENT = [
    'telegram' => 'We sent you a code in Telegram. If it does not arrive, it comes by SMS.',
    'sms' => 'We sent you a code by SMS.',
];
const SENDING = 'We are sending you a code.';
const REUSED = 'We have already sent you a code. Enter it.';
const UNDELIVERABLE = 'No code can be delivered to this number. Check the number.';
const VERIFIED = 'Your number is verified.';
const WRONG = 'This code is wrong. Tries left: {checks_left}.';
const LOCKED = 'Too many wrong codes. Ask for a new code.';

const UNAVAILABLE = [null, 'This does not work at the moment. Try again in a minute.'];
const FAULTS = [
    'phone_number_invalid' => [null, 'This is not a phone number. Enter it with its country code: +998 90 123 45 67.'],
    'phone_number_unsupported' => [null, 'This number cannot receive codes. Enter a mobile number.'],
    'invalid_request' => [null, 'Enter the digits of the code.'],
    'request_blocked' => [null, 'We cannot send a code to this number.'],
    'country_blocked' => [null, 'We do not send codes to this country.'],
    'rate_limited' => [null, 'Too many tries. Try again in {wait}.'],
    'resend_too_soon' => [null, 'You can ask for another message in {wait}.'],
    'too_many_sends' => [null, 'We cannot send this code again. Enter it, or try again later.'],
    'channel_unavailable' => [null, 'The code cannot be sent that way.'],
    'too_many_checks' => ['number', LOCKED],
    'verification_expired' => ['number', 'This code has expired. Ask for a new code.'],
    'verification_not_found' => ['number', 'This code has expired. Ask for a new code.'],
    'verification_not_pending' => ['number', 'This code is no longer valid. Ask for a new code.'],
    'budget_exhausted' => [null, 'We cannot send codes at the moment. Try again later.'],
];

function reply(?string $step, string $message, ?int $resendIn = null): array
{
    return ['step' => $step, 'message' => $message, 'resend_in' => $resendIn];
}

/** The reply to the page for a fault of Pinroute. */
function fault_reply(string $code, ?int $retryAfter): array
{
    [$step, $text] = FAULTS[$code] ?? UNAVAILABLE;
    $wait = $retryAfter < 120 ? "$retryAfter s" : ceil($retryAfter / 60) . ' min';
    return reply($step, strtr($text, ['{wait}' => $wait]), $code === 'resend_too_soon' ? $retryAfter : null);
}
