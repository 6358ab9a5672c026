import { own, route } from '../../../lib/answers';
import { LOCKED, VERIFIED, WRONG } from '../../../lib/messages';
import { call, provenNumber } from '../../../lib/pinroute';
import { writeSession } from '../../../lib/session';

export const POST = route(async (fields, session) => {
  const checked = await call(own(session, 'check'), { code: String(fields.code ?? '') });
  if (checked.valid) {
    await writeSession({ ...session, verified: await provenNumber(checked.proof, session) });
    return { step: 'done', message: VERIFIED, resend_in: null };
  }
  if (checked.status === 'locked') return { step: 'number', message: LOCKED, resend_in: null };
  return { step: null, message: WRONG.replace('{checks_left}', checked.checks_left), resend_in: null };
});
