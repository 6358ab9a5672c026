import { own, route, sent } from '../../../lib/answers';
import { call } from '../../../lib/pinroute';

export const POST = route(async (fields, session) => sent(await call(own(session, 'resend'), { channel: 'sms' })));
