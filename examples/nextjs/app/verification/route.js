import { route, sent } from '../../lib/answers';
import { REUSED } from '../../lib/messages';
import { call } from '../../lib/pinroute';
import { writeSession } from '../../lib/session';

export const POST = route(async (fields, session, request) => {
  // The payload ties the verification to this visitor: another one who types the same number gets one of their own.
  const started = await call('/v1/verifications', {
    phone_number: String(fields.phone_number ?? ''),
    payload: session.visitor,
    client: {
      ip: request.headers.get('x-forwarded-for')?.split(',').at(-1).trim(), // what the nearest proxy, or Next.js, wrote
      user_agent: request.headers.get('user-agent') ?? undefined,
    },
    locale: 'en',
    web_domain: process.env.SITE_DOMAIN, // the last line of the SMS, for WebOTP
  });
  await writeSession({ visitor: session.visitor, verification: started.id, number: started.phone_number, verified: null });
  return sent(started, started.reused ? REUSED : undefined);
});
