import { createHash, createHmac } from "node:crypto";

/** The hash that `@smithy/signature-v4` asks for, from Node. */
export class Sha256 {
  readonly #key: string | Uint8Array | undefined;
  #bytes = Buffer.alloc(0);
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#key = key === undefined || typeof key === "string" ? key : bytesOf(key);
  }
  update(chunk: string | ArrayBuffer | ArrayBufferView): void {
    this.#bytes = Buffer.concat([
      this.#bytes,
      typeof chunk === "string" ? Buffer.from(chunk) : bytesOf(chunk),
    ]);
  }
  async digest(): Promise<Uint8Array> {
    return (this.#key === undefined ? createHash("sha256") : createHmac("sha256", this.#key))
      .update(this.#bytes)
      .digest();
  }
  reset(): void {
    this.#bytes = Buffer.alloc(0);
  }
}

function bytesOf(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
}
