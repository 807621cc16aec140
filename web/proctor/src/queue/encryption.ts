// Encrypts the events that are stored on this device with AES-GCM. The hub sends the key in its welcome. It must never store
// the key. Every record is bound to its queue and key, so that records cannot be exchanged.

import type { Event } from "../session/frames.ts";

const IV_BYTES = 12;

export interface Encrypted {
  iv: Uint8Array<ArrayBuffer>;
  box: ArrayBuffer;
}

export class Encryption {
  private constructor(
    private readonly key: CryptoKey,
    private readonly binding: string,
  ) {}

  /** Import the key (base64url of 32 bytes) of a queue; null without a key, or where WebCrypto is not available. */
  static async open(queueKey: string | undefined, binding: string): Promise<Encryption | null> {
    if (!queueKey || globalThis.crypto?.subtle === undefined) return null;
    const bytes = fromBase64Url(queueKey);
    if (bytes.byteLength !== 32) return null;
    const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
    return new Encryption(key, binding);
  }

  async encrypt(key: number, event: Event): Promise<Encrypted> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const text = new TextEncoder().encode(JSON.stringify(event));
    const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: this.bind(key) }, this.key, text);
    return { iv, box };
  }

  /** Decrypt a record; null when the key is another one, or the record was moved or changed. */
  async decrypt(key: number, encrypted: Encrypted): Promise<Event | null> {
    try {
      const options = { name: "AES-GCM", iv: encrypted.iv, additionalData: this.bind(key) };
      const text = await crypto.subtle.decrypt(options, this.key, encrypted.box);
      return JSON.parse(new TextDecoder().decode(text)) as Event;
    } catch {
      return null;
    }
  }

  private bind(key: number): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(`${this.binding}:${key}`);
  }
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}
