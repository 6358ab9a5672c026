// What the visitor reads, and which form comes next; `null` leaves the page as it is.

export const SENT = {
  telegram: 'We sent you a code in Telegram. If it does not arrive, it comes by SMS.',
  sms: 'We sent you a code by SMS.',
};
export const SENDING = 'We are sending you a code.';
export const REUSED = 'We have already sent you a code. Enter it.';
export const UNDELIVERABLE = 'No code can be delivered to this number. Check the number.';
export const VERIFIED = 'Your number is verified.';
export const WRONG = 'This code is wrong. Tries left: {checks_left}.';
export const LOCKED = 'Too many wrong codes. Ask for a new code.';

const UNAVAILABLE = { step: null, text: 'This does not work at the moment. Try again in a minute.' };
const FAULTS = {
  phone_number_invalid: { step: null, text: 'This is not a phone number. Enter it with its country code: +998 90 123 45 67.' },
  phone_number_unsupported: { step: null, text: 'This number cannot receive codes. Enter a mobile number.' },
  invalid_request: { step: null, text: 'Enter the digits of the code.' },
  request_blocked: { step: null, text: 'We cannot send a code to this number.' },
  country_blocked: { step: null, text: 'We do not send codes to this country.' },
  rate_limited: { step: null, text: 'Too many tries. Try again in {wait}.' },
  resend_too_soon: { step: null, text: 'You can ask for another message in {wait}.' },
  too_many_sends: { step: null, text: 'We cannot send this code again. Enter it, or try again later.' },
  channel_unavailable: { step: null, text: 'The code cannot be sent that way.' },
  too_many_checks: { step: 'number', text: LOCKED },
  verification_expired: { step: 'number', text: 'This code has expired. Ask for a new code.' },
  verification_not_found: { step: 'number', text: 'This code has expired. Ask for a new code.' },
  verification_not_pending: { step: 'number', text: 'This code is no longer valid. Ask for a new code.' },
  budget_exhausted: { step: null, text: 'We cannot send codes at the moment. Try again later.' },
};

/** The reply to the page for a fault of Pinroute. */
export function fault({ code, retry_after }) {
  const { step, text } = FAULTS[code] ?? UNAVAILABLE;
  const wait = retry_after < 120 ? `${retry_after} s` : `${Math.ceil(retry_after / 60)} min`;
  return { step, message: text.replace('{wait}', wait), resend_in: code === 'resend_too_soon' ? retry_after : null };
}
