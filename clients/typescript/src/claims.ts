/** What proofs say, and what callers expect of them. */

import type { Channel } from "./types.js";

/** What a proof says. */
export interface ProofClaims {
  /** The address of the Pinroute that signed it. */
  iss: string;
  /** The project's id. */
  aud: string;
  /** The number, E.164. */
  sub: string;
  /** The verification's id. */
  vid: string;
  channel: Channel;
  iat: number;
  exp: number;
  jti: string;
}

/** What a proof must say. `audience` is the project's id. */
export interface ProofExpected {
  audience: string;
  /** The number (E.164) of this visitor's session. Only it and `verificationId` tie the proof to the visitor. */
  phoneNumber?: string;
  verificationId?: string;
}
