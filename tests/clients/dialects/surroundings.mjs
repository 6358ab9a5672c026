// What the programs in JavaScript share: a dialect's settings, the steps' names, and what arrives on a simulated phone.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

const phones = process.env.PINROUTE_PHONES.replace(/\/+$/, "");
export const url = process.env.PINROUTE_URL.replace(/\/+$/, "");
export const prefix = process.env.PINROUTE_PREFIX;

/** The settings that `keys create --json` printed, at PINROUTE_URL whatever host they name. */
export function dialect(name) {
  const settings = JSON.parse(process.env.PINROUTE_DIALECTS)[name];
  return { ...settings, base_url: url + new URL(settings.base_url).pathname.replace(/\/+$/, "") };
}

export function step(text) {
  console.log(text);
}

/** Two sends within 2 s are one. */
export function letTheLastSendBe() {
  return sleep(2500);
}

/** A number and the messages that it gets from now on. Its last four digits decide what the simulated number does. */
export class Phone {
  static async of(lastFour) {
    const phone = new Phone();
    phone.number = prefix + lastFour;
    phone.read = (await phone.messages()).length;
    return phone;
  }

  async messages() {
    return (await (await fetch(`${phones}/phones/${this.number}/messages`)).json()).items;
  }

  async isSilent() {
    return (await this.messages()).length === this.read;
  }

  /** The message that was not read yet, once it is there. More than one is a fault. */
  async nextMessage() {
    for (let tries = 0; tries < 100; tries++) {
      const items = await this.messages();
      if (items.length !== this.read) {
        this.read += 1;
        assert.equal(items.length, this.read, JSON.stringify(items));
        return items[0];
      }
      await sleep(200);
    }
    throw new Error(`no message to ${this.number} within 20 s`);
  }
}
