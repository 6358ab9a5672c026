/** Reads a live stream (server-sent events, WHATWG HTML 9.2) and remembers where it resumes. */

import type { Patience } from "./patience.js";
import type { Event } from "./types.js";

/** Seconds without a byte after which a connection counts as lost; the server writes every 16. */
export const SILENCE = 60;

/** One verification's events over any number of connections. */
export class Timeline {
  /** Seconds that the server wants between connections. */
  retry = 2;
  #decoder = new TextDecoder();
  #rest = "";
  #id: string | undefined;
  #data: string[] = [];
  #broughtEvents = false;

  constructor(public lastEventId?: string) {}

  /** Whether the answer is a stream to read. */
  begins(response: Response, patience: Patience): boolean {
    this.#decoder = new TextDecoder();
    this.#rest = "";
    this.#id = undefined;
    this.#data = [];
    this.#broughtEvents = false;
    const kind = response.headers.get("content-type") ?? "";
    if (response.status !== 200 || !kind.startsWith("text/event-stream")) return false;
    patience.restore();
    return true;
  }

  /**
   * Seconds until the next connection. The server ends a stream when the verification is over, and says so when it is
   * asked once more; a proxy may end one at any time.
   */
  afterEnd(): number {
    return this.#broughtEvents ? 0 : this.retry;
  }

  /** The events that these bytes complete. An event that a lost connection cut off comes again. */
  take(chunk: Uint8Array): Event[] {
    // Lines end with \n or \r\n, as Pinroute writes them and no proxy changes.
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => this.#line(line.replace(/\r$/, ""))).filter((event) => event !== undefined);
  }

  #line(line: string): Event | undefined {
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
    if (name === "id") {
      this.#id = value;
    } else if (name === "data") {
      this.#data.push(value);
    } else if (name === "retry" && /^[0-9]+$/.test(value)) {
      this.retry = Number(value) / 1000;
    } else if (line === "" && this.#data.length > 0) {
      const event = JSON.parse(this.#data.join("\n")) as Event;
      this.#data = [];
      if (this.#id !== undefined) this.lastEventId = this.#id;
      this.#broughtEvents = true;
      return event;
    }
    return undefined;
  }
}
