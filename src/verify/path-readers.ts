import type { Aws } from "../aws/clients.ts";
import { addressesOf } from "../aws/deployed.ts";
import { variablesOf } from "../aws/lambda-function.ts";
import { checkBackend } from "../backend/check/checks.ts";
import { subjectOf } from "../backend/check/subject.ts";
import { addressOf } from "../client/address.ts";
import { parseSigningKeys } from "../contract/signature.ts";
import type { Settings } from "../settings/table.ts";
import type { Names } from "./check.ts";
import type { ConnectionsProof } from "./connections-proof.ts";
import { Absent, type Get, type Readers } from "./evidence.ts";
import { MADE_UP_TOKEN, testFunction } from "./invoke.ts";
import { handshake, sentFrame } from "./round-trip.ts";

/** As which client the path is tried, and against which backend where the function has none. */
export type Client = Pick<Settings, "booking" | "token" | "type" | "backendUrl">;

interface Reading {
  aws: Aws;
  names: Names;
  client: Client;
  signal: AbortSignal;
  timeScale: number;
}

/** Of the checks of a backend, those that tell why a message does not get through. */
const backendChecks: ReadonlySet<string> = new Set([
  "reachable",
  "redirect",
  "endpoint-register",
  "endpoint-message",
  "endpoint-disconnect",
  "entry",
  "clock",
  "register",
  "every-worker",
  "message-repeated",
  "times",
]);
const BACKEND_MS = 20_000;

type PathEvidence = "invocation" | "frames" | "backend" | "socket";

/** How the path itself is tried: the function, the backend, and a real WebSocket through all of it. */
export function pathReaders(reading: Reading): Pick<Readers, PathEvidence> {
  const { aws, names, client, signal } = reading;
  const { own } = names;
  const run = { ...reading, report: () => undefined };
  return {
    async invocation(get) {
      await refuseUnusable(get);
      return await testFunction(aws, { ...names, ...client }, signal);
    },
    async frames(get) {
      if (own) throw new Absent(OWN);
      const [api] = await Promise.all([get("api"), refuseUnusable(get)]);
      return await sentFrame(names, clientAddress(api, names), run);
    },
    async backend(get) {
      if (own) throw new Absent(OWN);
      const variables = variablesOf(await get("lambda"));
      const backendUrl = variables["BACKEND_URL"] || client.backendUrl;
      if (!backendUrl || !/^https?:/i.test(backendUrl) || !URL.canParse(backendUrl))
        throw new Absent("the backend's address is not known");
      const keys = parseSigningKeys(variables["SIGNING_KEYS"] ?? "") ?? [];
      const subject = subjectOf({ ...client, backendUrl, variables: {} }, variables, keys);
      const only = (id: string) => backendChecks.has(id);
      return await checkBackend(subject, { signal, limitMs: BACKEND_MS, only });
    },
    async socket(get) {
      const [api, frames] = await Promise.all([get("api"), get("frames").catch(unknownFrames), get("stage")]);
      const { booking = "1", token = MADE_UP_TOKEN, type } = client;
      return await handshake(addressOf(clientAddress(api, names), { booking, token, type }), frames, run);
    },
  };
}

const OWN = "the code is your own handler, and this is about the one that ships";

const clientAddress = (api: Parameters<typeof addressesOf>[0], { stage }: Names): string =>
  `${addressesOf(api).ApiEndpoint}/${stage}`;

/** Without the function's own word the WebSocket is opened all the same. */
const unknownFrames = (): ConnectionsProof => ({
  code: "not-asked",
  reached: null,
  meaning: "the function could not be asked whether it reaches clients",
});

/** A function that Lambda does not run answers nothing, which its own checks tell. */
async function refuseUnusable(get: Get): Promise<void> {
  const [{ State }, concurrency] = await Promise.all([
    get("lambda"),
    // A caller that may not read it may still invoke.
    get("concurrency").catch(() => undefined),
  ]);
  if (State === "Failed") throw new Absent("Lambda could not make the function");
  if (concurrency?.reserved === 0) throw new Absent("the function may not run: nothing is reserved for it");
}
