/** Waiting, and not waiting for ever. */

/** Aborts when its seconds are over, or when the caller does. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #abort = () => this.#controller.abort(this.#caller?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(seconds: number, caller?: AbortSignal) {
    this.#caller = caller;
    if (caller?.aborted) this.#abort();
    caller?.addEventListener("abort", this.#abort);
    this.restart(seconds);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(seconds: number): void {
    clearTimeout(this.#timer);
    const over = () => this.#controller.abort(new Error(`silent for ${seconds} s`));
    this.#timer = setTimeout(over, seconds * 1000);
  }

  /** Always call it: the timer would keep a program from ending. */
  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#abort);
  }
}

/** Resolves after these seconds; rejects when the caller aborts. */
export function sleep(seconds: number, caller?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (caller?.aborted) return reject(caller.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(caller?.reason);
    };
    const timer = setTimeout(() => {
      caller?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    caller?.addEventListener("abort", stop, { once: true });
  });
}
