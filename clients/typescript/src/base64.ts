/** Base64 without the parts of it that only some runtimes have. */

/** Decodes base64 and base64url, with or without padding; throws at anything else. */
export function decoded(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** The bytes in base64url as UTF-8. */
export function decodedText(text: string): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(decoded(text));
}
