// The visitor's side, for any of the servers in this folder. The server answers every form with
// {"step": "number" | "code" | "done" | null, "message": "…", "resend_in": seconds | null}; null changes nothing.

const find = (id) => document.getElementById(id);
const [number, code, resend, message] = ['number', 'code', 'resend', 'message'].map(find);
let timer;
let waitingForSms;

async function post(url, fields) {
  // Django's cross-site protection; the other servers rely on the content type and on SameSite cookies.
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  const headers = { 'Content-Type': 'application/json', ...(token && { 'X-CSRFToken': token }) };
  try {
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(fields) });
    show(await answer.json());
  } catch {
    message.textContent = 'No connection. Check it, and try again.';
  }
}

function show({ step, message: text, resend_in }) {
  message.textContent = text;
  if (step) {
    number.hidden = step !== 'number';
    code.hidden = step !== 'code';
    waitingForSms?.abort();
    if (step === 'code') {
      code.reset();
      code.elements.code.focus();
      readSms();
    }
  }
  if (resend_in !== null) countDown(resend_in);
}

function countDown(seconds) {
  const end = performance.now() + seconds * 1000;
  clearInterval(timer);
  const tick = () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    resend.disabled = left > 0;
    resend.textContent = left > 0 ? `Send it by SMS (in ${left} s)` : 'Send it by SMS';
    if (left <= 0) clearInterval(timer);
  };
  timer = setInterval(tick, 1000);
  tick();
}

// WebOTP: Chrome on Android offers the code of an SMS whose last line is `@shop.example #123456`.
async function readSms() {
  if (!('OTPCredential' in window)) return;
  waitingForSms = new AbortController();
  try {
    const sms = await navigator.credentials.get({ otp: { transport: ['sms'] }, signal: waitingForSms.signal });
    code.elements.code.value = sms.code;
    code.requestSubmit();
  } catch {
    // The visitor declined, or typed the code first.
  }
}

for (const form of [number, code]) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button:not([type])');
    button.disabled = true;
    await post(form.action, Object.fromEntries(new FormData(form)));
    button.disabled = false;
  });
}
resend.addEventListener('click', () => {
  resend.disabled = true;
  post(resend.formAction, {}).finally(() => {
    if (resend.textContent === 'Send it by SMS') resend.disabled = false;
  });
});
find('change').addEventListener('click', () => show({ step: 'number', message: '', resend_in: null }));
