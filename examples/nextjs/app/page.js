'use client';

import { useEffect, useRef, useState } from 'react';

export default function Page() {
  const [step, setStep] = useState('number');
  const [message, setMessage] = useState('');
  const [left, setLeft] = useState(0); // seconds until a resend
  const [busy, setBusy] = useState(false);
  const codeForm = useRef(null);

  async function post(url, fields) {
    setBusy(true);
    try {
      const headers = { 'Content-Type': 'application/json' };
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(fields) });
      const next = await answer.json();
      setMessage(next.message);
      if (next.step) setStep(next.step);
      if (next.resend_in !== null) setLeft(next.resend_in);
    } catch {
      setMessage('No connection. Check it, and try again.');
    } finally {
      setBusy(false);
    }
  }

  function submit(event) {
    event.preventDefault();
    post(event.currentTarget.action, Object.fromEntries(new FormData(event.currentTarget)));
  }

  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);

  // WebOTP: Chrome on Android offers the code of an SMS whose last line is `@shop.example #123456`.
  useEffect(() => {
    if (step !== 'code' || !('OTPCredential' in window)) return;
    const waiting = new AbortController();
    navigator.credentials.get({ otp: { transport: ['sms'] }, signal: waiting.signal }).then(
      (sms) => {
        codeForm.current.elements.code.value = sms.code;
        codeForm.current.requestSubmit();
      },
      () => {}, // the visitor declined, or typed the code first
    );
    return () => waiting.abort();
  }, [step]);

  return (
    <main>
      <h1>Verify your phone number</h1>
      <p role="status" aria-live="polite">{message}</p>
      {step === 'number' && (
        <form action="/verification" method="post" onSubmit={submit}>
          <label htmlFor="phone_number">Phone number</label>
          <input id="phone_number" name="phone_number" type="tel" autoComplete="tel" maxLength={40} placeholder="+998 90 123 45 67" required />
          <button disabled={busy}>Send a code</button>
        </form>
      )}
      {step === 'code' && (
        <form action="/verification/check" method="post" onSubmit={submit} ref={codeForm}>
          <label htmlFor="code">Code</label>
          <input id="code" name="code" inputMode="numeric" autoComplete="one-time-code" maxLength={8} required autoFocus />
          <button disabled={busy}>Verify</button>
          <button type="button" disabled={busy || left > 0} onClick={() => post('/verification/resend', {})}>
            Send it by SMS{left > 0 && ` (in ${left} s)`}
          </button>
          <button type="button" onClick={() => setStep('number')}>Change the number</button>
        </form>
      )}
    </main>
  );
}
