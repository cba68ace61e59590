import type { WebSocket } from "ws";

/** The most that one message may hold, in bytes, in either direction (AWS.md 1.12). */
export const maxMessageBytes = 128 * 1024;
/** The most that one frame from a client may hold, in bytes (AWS.md 1.12). */
const maxFrameBytes = 32 * 1024;

/**
 * The part of ws's receiver that knows a frame's length before the frame is read. Private to ws; the version
 * is pinned.
 */
interface FrameReader {
  _opcode: number;
  _payloadLength: number;
  haveLength(done: (error?: Error) => void): void;
  createError(
    type: typeof RangeError,
    message: string,
    prefix: boolean,
    closeCode: number,
    code: string,
  ): Error;
}

const firstControlOpcode = 8;

/**
 * Makes a freshly accepted socket refuse a frame over 32 KB with close code 1009. ws limits only whole
 * messages.
 *
 * Throws when the installed ws does not have the member that this depends on: a limit without effect would be
 * worse.
 */
export function limitFrames(socket: WebSocket): void {
  const reader: Partial<FrameReader> | undefined =
    "_receiver" in socket ? (socket._receiver ?? undefined) : undefined;
  const known =
    typeof reader?._opcode === "number" &&
    typeof reader._payloadLength === "number" &&
    typeof reader.createError === "function";
  if (!known || typeof reader.haveLength !== "function") {
    throw new Error("the installed version of ws has no receiver whose frames can be limited to 32 KB");
  }
  const unlimited = reader.haveLength;
  reader.haveLength = function limited(this: FrameReader, done) {
    if (this._payloadLength <= maxFrameBytes || this._opcode >= firstControlOpcode)
      return unlimited.call(this, done);
    done(
      this.createError(
        RangeError,
        "Max frame size exceeded",
        false,
        1009,
        "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
      ),
    );
  };
}
