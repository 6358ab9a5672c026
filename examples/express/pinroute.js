// The calls of Pinroute. The key stays on the server.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { PINROUTE_URL = 'http://127.0.0.1:8080', PINROUTE_API_KEY, PINROUTE_PROJECT_ID } = process.env;
if (!PINROUTE_API_KEY || !PINROUTE_PROJECT_ID) throw new Error('set PINROUTE_API_KEY and PINROUTE_PROJECT_ID');
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', PINROUTE_URL));

/** An answer that is not a 2xx: Pinroute's `code`, and the seconds of `Retry-After`. */
export class Fault extends Error {
  constructor(code, retry_after) {
    super(code);
    Object.assign(this, { code, retry_after });
  }
}

/** Repeats once after a 503 or a broken connection, with the same Idempotency-Key, so that nothing is sent twice. */
export async function call(path, body) {
  const idempotencyKey = randomUUID();
  try {
    return await attempt(path, body, idempotencyKey);
  } catch (fault) {
    if (!(fault instanceof Fault) || fault.code !== 'service_unavailable') throw fault;
    await sleep(Math.min(fault.retry_after, 5) * 1000);
    return await attempt(path, body, idempotencyKey);
  }
}

async function attempt(path, body, idempotencyKey) {
  let response;
  let answer;
  try {
    response = await fetch(new URL(path, PINROUTE_URL), {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${PINROUTE_API_KEY}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': idempotencyKey,
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    answer = await response.json();
  } catch {
    throw new Fault('service_unavailable', 1);
  }
  if (response.ok) return answer;
  const after = response.headers.get('retry-after');
  throw new Fault(answer.code, after === null ? null : Number(after));
}

/** The number that the proof is for, if it is this visitor's verification. */
export async function provenNumber(proof, { verification, number }) {
  const { payload } = await jwtVerify(proof, keys, {
    algorithms: ['EdDSA'],
    issuer: PINROUTE_URL,
    audience: PINROUTE_PROJECT_ID,
  });
  if (payload.vid !== verification || payload.sub !== number) throw new Error('a proof of another verification');
  return payload.sub;
}
