import { endingChecks } from "./ending-checks.ts";
import { entryChecks } from "./entry-checks.ts";
import { messageChecks } from "./message-checks.ts";
import type { BackendCheck } from "./question.ts";
import { registerChecks } from "./register-checks.ts";
import { eachKey, signatureChecks } from "./signature-checks.ts";

/** What a backend is checked for, by topic, in the order in which it is asked: later ones need earlier. */
export const topics: Readonly<Record<string, readonly BackendCheck[]>> = {
  entry: entryChecks,
  handshakes: registerChecks,
  signatures: signatureChecks,
  messages: messageChecks,
  endings: endingChecks,
};

/** All that the contract requires of a backend. */
export const backendChecks: readonly BackendCheck[] = Object.values(topics).flat();

/** Those that tell why a message does not get through, which the doctor asks too. */
const ofThePath: ReadonlySet<string> = new Set([
  "reachable",
  "redirect",
  "endpoint-register",
  "endpoint-message",
  "endpoint-disconnect",
  "entry",
  "backend-clock",
  eachKey.id,
  "register",
  "every-worker",
  "message-repeated",
  "times",
]);
export const pathChecks: readonly BackendCheck[] = backendChecks.filter(({ id }) => ofThePath.has(id));
