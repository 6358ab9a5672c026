import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import express from 'express';
import session from 'express-session';
import { LOCKED, REUSED, SENDING, SENT, UNDELIVERABLE, VERIFIED, WRONG, fault } from './messages.js';
import { Fault, call, provenNumber } from './pinroute.js';

const { PORT = '3000', SESSION_SECRET = randomUUID(), SITE_DOMAIN, NODE_ENV } = process.env;
const app = express();
app.set('trust proxy', 'loopback'); // believes X-Forwarded-For only from a proxy on this machine
app.use(express.static(fileURLToPath(new URL('../html', import.meta.url))));
app.use(express.json());
app.use(
  session({
    secret: SESSION_SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax', secure: NODE_ENV === 'production' },
  }),
);

app.post('/verification', async (req, res) => {
  // The payload ties the verification to this visitor: another one who types the same number gets one of their own.
  req.session.visitor ??= randomUUID();
  const started = await call('/v1/verifications', {
    phone_number: String(req.body?.phone_number ?? ''),
    payload: req.session.visitor,
    client: { ip: req.ip, user_agent: req.get('user-agent') },
    locale: 'en',
    web_domain: SITE_DOMAIN, // the last line of the SMS, for WebOTP
  });
  Object.assign(req.session, { verification: started.id, number: started.phone_number, verified: null });
  res.json(sent(started, started.reused ? REUSED : undefined));
});

app.post('/verification/resend', async (req, res) => {
  res.json(sent(await call(own(req, 'resend'), { channel: 'sms' })));
});

app.post('/verification/check', async (req, res) => {
  const checked = await call(own(req, 'check'), { code: String(req.body?.code ?? '') });
  if (checked.valid) {
    req.session.verified = await provenNumber(checked.proof, req.session);
    return res.json({ step: 'done', message: VERIFIED, resend_in: null });
  }
  if (checked.status === 'locked') return res.json({ step: 'number', message: LOCKED, resend_in: null });
  res.json({ step: null, message: WRONG.replace('{checks_left}', checked.checks_left), resend_in: null });
});

/** A path of the visitor's own verification: its id comes from the session, never from the browser. */
function own(req, action) {
  if (!req.session.verification) throw new Fault('verification_not_found', null);
  return `/v1/verifications/${req.session.verification}/${action}`;
}

function sent(verification, message = SENT[verification.channel] ?? SENDING) {
  if (verification.status === 'failed') return { step: 'number', message: UNDELIVERABLE, resend_in: null };
  const { resend_at } = verification; // null: no send is left
  const seconds = resend_at && Math.max(Math.ceil((Date.parse(resend_at) - Date.now()) / 1000), 0);
  return { step: 'code', message, resend_in: seconds };
}

app.use((error, req, res, next) => {
  if (res.headersSent) return next(error);
  const known = error instanceof Fault;
  if (!known || error.code !== 'verification_not_found') console.error(known ? error.code : error);
  res.json(fault(known ? error : { code: null, retry_after: null }));
});

app.listen(Number(PORT), '127.0.0.1', () => console.log(`open http://127.0.0.1:${PORT}`));
