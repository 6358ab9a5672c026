// The visitor's session: a signed cookie that scripts cannot read.

import 'server-only';
import { SignJWT, jwtVerify } from 'jose';
import { cookies } from 'next/headers';

const secret = new TextEncoder().encode(process.env.SESSION_SECRET);

export async function readSession() {
  const cookie = (await cookies()).get('session')?.value;
  try {
    const { payload } = await jwtVerify(cookie ?? '', secret, { algorithms: ['HS256'] });
    return payload.session;
  } catch {
    return { visitor: crypto.randomUUID() };
  }
}

export async function writeSession(session) {
  const token = new SignJWT({ session }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1h');
  (await cookies()).set('session', await token.sign(secret), {
    httpOnly: true,
    sameSite: 'lax',
    secure: process.env.SITE_URL?.startsWith('https://') ?? false,
    maxAge: 3600,
  });
}
