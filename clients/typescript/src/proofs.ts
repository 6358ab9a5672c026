/** Proofs: JWTs (RFC 7519) signed with Ed25519 (RFC 8037), and the keys that verify them. */

import { decoded, decodedText } from "./base64.js";
import type { ProofClaims, ProofExpected } from "./claims.js";
import { ProofInvalid } from "./errors.js";
import type { KeySet } from "./types.js";

/** Milliseconds that a key set is used, as its `Cache-Control` says: a withdrawn key is soon not believed. */
const KEPT = 300_000;
/** Milliseconds between fetches for unknown keys, or forged proofs would make this site ask Pinroute once each. */
const BETWEEN_REFETCHES = 10_000;

/** The public keys, as they were last fetched. */
export class Keys {
  #keys = new Map<string, CryptoKey>();
  #fetched = -Infinity;
  #refetched = -Infinity;

  /** Whether the set is too old, or may have got this key since. Notes the latter, so fetch if it says so. */
  mustBeFetchedFor(kid: string): boolean {
    const now = performance.now();
    if (now - this.#fetched >= KEPT) return true;
    if (this.#keys.has(kid) || now - this.#refetched < BETWEEN_REFETCHES) return false;
    this.#refetched = now;
    return true;
  }

  async take({ keys }: KeySet): Promise<void> {
    const usable = keys.filter(({ kty, crv }) => kty === "OKP" && crv === "Ed25519");
    const imported = usable.map(async ({ kid, kty, crv, x }): Promise<[string, CryptoKey]> => {
      return [kid, await crypto.subtle.importKey("jwk", { kty, crv, x }, "Ed25519", false, ["verify"])];
    });
    this.#keys = new Map(await Promise.all(imported));
    this.#fetched = performance.now();
  }

  get(kid: string): CryptoKey | undefined {
    return this.#keys.get(kid);
  }
}

/** A proof that is read, but not yet believed. */
export class Proof {
  readonly kid: string;
  readonly #claims: Record<string, unknown>;
  readonly #signed: Uint8Array<ArrayBuffer>;
  readonly #signature: Uint8Array<ArrayBuffer>;

  constructor(token: string) {
    const [head = "", body = "", signature = "", ...more] = token.split(".");
    const header = object(head);
    // One algorithm, whatever the token asks for; an extension that must be understood (`crit`) is not.
    if (header["alg"] !== "EdDSA" || "crit" in header) throw new ProofInvalid("not signed with Ed25519");
    if (more.length > 0) throw new ProofInvalid("not a JWT");
    this.kid = String(header["kid"]);
    this.#claims = object(body);
    this.#signed = new TextEncoder().encode(`${head}.${body}`);
    this.#signature = bytes(signature);
  }

  async verified(keys: Keys, issuer: string, expected: ProofExpected): Promise<ProofClaims> {
    const key = keys.get(this.kid);
    if (key === undefined) throw new ProofInvalid("signed with an unknown key");
    if (!(await crypto.subtle.verify("Ed25519", key, this.#signature, this.#signed))) {
      throw new ProofInvalid("the signature does not fit");
    }
    this.#must("iss", issuer);
    this.#must("aud", expected.audience);
    // What is there but undefined, as from an empty session, is no number: it fits no proof.
    if ("phoneNumber" in expected) this.#must("sub", expected.phoneNumber);
    if ("verificationId" in expected) this.#must("vid", expected.verificationId);
    const expires = this.#claims["exp"];
    if (typeof expires !== "number" || Date.now() / 1000 >= expires) throw new ProofInvalid("expired");
    return this.#claims as unknown as ProofClaims;
  }

  #must(claim: keyof ProofClaims, value: string | undefined): void {
    if (value === undefined || this.#claims[claim] !== value) throw new ProofInvalid(`\`${claim}\` is another`);
  }
}

function object(part: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(decodedText(part));
  } catch (cause) {
    throw new ProofInvalid("not a JWT", { cause });
  }
  if (typeof value !== "object" || value === null) throw new ProofInvalid("not a JWT");
  return value as Record<string, unknown>;
}

function bytes(part: string): Uint8Array<ArrayBuffer> {
  try {
    return decoded(part);
  } catch (cause) {
    throw new ProofInvalid("not a JWT", { cause });
  }
}
