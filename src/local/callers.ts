import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { AccessKeys } from "./access-keys.ts";
import type { Peers } from "./peers.ts";
import { isSignedWith, statedSignature } from "./sigv4.ts";

/**
 * Why a signed call is not taken for one of this local AWS's own user: its key, its signature, or a body that
 * is too large to be checked.
 */
export interface Doubt {
  about: "key" | "signature" | "size";
  message: string;
}

/** The whole body of a request, read when it is asked for; undefined where it was cut or is too large. */
export type ReadBody = () => Promise<Uint8Array | undefined>;

/** Tells the calls of this user from those of others on the same machine (FAULTS.md F-03). */
export interface Callers {
  /**
   * What speaks against a signed call; undefined where nothing does. A call is taken that is signed with a
   * key of this local AWS, or that comes over a connection of its own user, whatever its credentials. Root is
   * another user: it could do everything, but what asks in its name may be a relay that anyone reaches.
   */
  doubt(request: IncomingMessage, body: ReadBody): Promise<Doubt | undefined>;
}

interface Options {
  keys: AccessKeys;
  peers: Peers;
  /** Takes nothing but right signatures. */
  verifySignatures: boolean;
  /** Gets one line for each kind of call that was refused. */
  tell(message: string): void;
}

/** See {@link Callers}. */
export function openCallers({ keys, peers, verifySignatures, tell }: Options): Callers {
  const own = new WeakSet<Socket>();
  const signed = new WeakMap<Socket, number>();
  const told = new Set<string>();
  async function userOf(socket: Socket): Promise<number | undefined> {
    if (verifySignatures) return undefined;
    const user = await peers.userOf(socket);
    if (user !== undefined && isOwn(user)) own.add(socket);
    return user;
  }
  /**
   * Asking whose a connection is takes as long as checking some signatures, or some dozens where this machine
   * has many connections; so that is asked once of what is used often.
   */
  function countSigned(socket: Socket): void {
    const count = (signed.get(socket) ?? 0) + 1;
    signed.set(socket, count);
    if (count === OFTEN) void userOf(socket);
  }
  return {
    async doubt(request, body) {
      const { socket } = request;
      if (own.has(socket)) return undefined;
      const about = await wrongIn(request, keys, body);
      if (about === undefined) {
        countSigned(socket);
        return undefined;
      }
      const user = await userOf(socket);
      if (own.has(socket)) return undefined;
      const why = verifySignatures ? strict : user === undefined ? unknownUser : otherUser(user);
      const line = `refused a call to AWS: ${why}; ${remedy}`;
      if (!told.has(line)) tell(line);
      told.add(line);
      return { about, message: `${texts[about]} The local AWS: ${why}; ${remedy}` };
    },
  };
}

const OFTEN = 20;

const isOwn = (user: number): boolean => user === process.geteuid?.();

const strict = "signatures are verified";
const unknownUser = "it cannot be told which user the call is from";
const otherUser = (user: number): string => `the call is from another user, ${user}`;
const remedy = "`outputs --for backend --local --out FILE` writes an access key for it";

/** The texts are AWS's own (AWS.md 8.8). */
const texts: Readonly<Record<Doubt["about"], string>> = {
  key: "The security token included in the request is invalid.",
  signature:
    "The request signature we calculated does not match the signature you provided. " +
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  size: "The request is too large to be checked.",
};

/** What is wrong with the signature of a call; undefined where it is right. */
async function wrongIn(
  request: IncomingMessage,
  keys: AccessKeys,
  body: ReadBody,
): Promise<Doubt["about"] | undefined> {
  const stated = statedSignature(request);
  const secret = stated && keys.secretOf(stated);
  if (!stated || secret === undefined) return "key";
  const bytes = await body();
  if (!bytes) return "size";
  const { method, url, rawHeaders } = request;
  const signed = { method, url, rawHeaders, body: bytes };
  return isSignedWith(secret, stated, { request: signed, now: Date.now() }) ? undefined : "signature";
}
