// The proof of an approved verification: its claims, explained one by one, and its signature, verified here.
import { codeBox } from "/box.js";
import { call } from "/calls.js";
import { byId, element, rich } from "/dom.js";
import { clock, knows, onLanguage, t } from "/texts.js";

// The token, and what is known of its signature: checking, good, bad, unchecked.
let token = null;
let verdict = "checking";

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const part = (text) => JSON.parse(new TextDecoder().decode(bytes(text)));

async function isAuthentic(given) {
  const header = part(given.split(".")[0]);
  const keys = (await call("GET", "/.well-known/jwks.json")).answer.keys;
  const jwk = keys.find((key) => key.kid === header.kid);
  const key = await crypto.subtle.importKey("jwk", { kty: jwk.kty, crv: jwk.crv, x: jwk.x }, { name: "Ed25519" }, false, ["verify"]);
  const at = given.lastIndexOf(".");
  return crypto.subtle.verify("Ed25519", key, bytes(given.slice(at + 1)), new TextEncoder().encode(given.slice(0, at)));
}

function show() {
  byId("proof").hidden = token === null;
  if (token === null) {
    byId("proof-says").replaceChildren(t("proof_none"));
    byId("proof-says").className = "hint";
    return;
  }
  byId("claims").replaceChildren(...Object.entries(part(token.split(".")[1])).map(([name, value]) => {
    const key = "claim_" + name;
    const isTime = name === "iat" || name === "exp";
    return element("div", "",
      element("dt", "", element("code", "", name), " ", knows(key) ? t(key) : ""),
      element("dd", "", isTime ? `${value} (${clock(value * 1000)})` : String(value)));
  }));
  byId("token").replaceChildren(codeBox(t("token"), element("code", "", token), token));
  const marks = { good: "✓ ", bad: "✗ " };
  byId("proof-says").replaceChildren(marks[verdict] ?? "", ...rich(t("proof_" + verdict)));
  byId("proof-says").className = "hint " + verdict;
}

// Shows a proof; `null` hides it.
export async function showProof(given) {
  token = given;
  verdict = "checking";
  show();
  if (given === null) return;
  let found = "unchecked";
  try {
    found = (await isAuthentic(given)) ? "good" : "bad";
  } catch {
    // This browser lacks Ed25519.
  }
  if (token !== given) return;
  verdict = found;
  show();
}

onLanguage(show);
