// Encrypts what is stored of a queue (AES-GCM, the key given by the hub's welcome). The key is never stored, and never
// leaves WebCrypto once imported; a record is bound to its place, so that records cannot be exchanged.

import type { Event } from "../session/frames.ts";

const IV_BYTES = 12;

export interface Sealed {
  iv: Uint8Array<ArrayBuffer>;
  box: ArrayBuffer;
}

export class Encryption {
  private constructor(
    private readonly key: CryptoKey,
    private readonly place: string,
  ) {}

  /** Take the key (base64url of 32 bytes) for one queue; null without a key, or in a page that may not encrypt. */
  static async open(queueKey: string | undefined, place: string): Promise<Encryption | null> {
    if (!queueKey || globalThis.crypto?.subtle === undefined) return null;
    const bytes = fromBase64Url(queueKey);
    if (bytes.byteLength !== 32) return null;
    const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
    return new Encryption(key, place);
  }

  async seal(key: number, event: Event): Promise<Sealed> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const text = new TextEncoder().encode(JSON.stringify(event));
    const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: this.bind(key) }, this.key, text);
    return { iv, box };
  }

  /** Read a record; null when it cannot be: another key, another place, or altered. */
  async unseal(key: number, sealed: Sealed): Promise<Event | null> {
    try {
      const options = { name: "AES-GCM", iv: sealed.iv, additionalData: this.bind(key) };
      const text = await crypto.subtle.decrypt(options, this.key, sealed.box);
      return JSON.parse(new TextDecoder().decode(text)) as Event;
    } catch {
      return null;
    }
  }

  private bind(key: number): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(`${this.place}:${key}`);
  }
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}
