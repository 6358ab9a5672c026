// What the routes have in common.

import 'server-only';
import { SENDING, SENT, UNDELIVERABLE, fault } from './messages';
import { Fault } from './pinroute';
import { readSession } from './session';

/** A route that answers faults of Pinroute with the visitor's sentence. Only JSON is read, which a form of another site cannot send. */
export function route(handle) {
  return async (request) => {
    try {
      const isJson = request.headers.get('content-type')?.startsWith('application/json');
      const fields = isJson ? await request.json().catch(() => ({})) : {};
      return Response.json(await handle(fields, await readSession(), request));
    } catch (error) {
      const known = error instanceof Fault;
      if (!known || error.code !== 'verification_not_found') console.error(known ? error.code : error);
      return Response.json(fault(known ? error : { code: null, retry_after: null }));
    }
  };
}

/** A path of the visitor's own verification: its id comes from the session, never from the browser. */
export function own(session, action) {
  if (!session.verification) throw new Fault('verification_not_found', null);
  return `/v1/verifications/${session.verification}/${action}`;
}

export function sent(verification, message = SENT[verification.channel] ?? SENDING) {
  if (verification.status === 'failed') return { step: 'number', message: UNDELIVERABLE, resend_in: null };
  const { resend_at } = verification; // null: no send is left
  const seconds = resend_at && Math.max(Math.ceil((Date.parse(resend_at) - Date.now()) / 1000), 0);
  return { step: 'code', message, resend_in: seconds };
}
