import { orDenied } from "../aws/answers.ts";
import type { Aws } from "../aws/clients.ts";
import { addressesOf } from "../aws/deployed.ts";
import { variablesOf } from "../aws/lambda-function.ts";
import { pathChecks } from "./backend/all-checks.ts";
import { converse } from "./backend/conversation.ts";
import { subjectOf } from "./backend/subject.ts";
import { addressOf } from "../client/address.ts";
import { parseSigningKeys } from "../contract/signature.ts";
import type { Settings } from "../settings/table.ts";
import type { ConnectionsProof } from "./connections-proof.ts";
import { Absent, type Get, type Names, type Readers } from "./evidence.ts";
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

const BACKEND_MS = 20_000;

type PathEvidence = "invocation" | "frames" | "backend" | "socket";

/** What the path is tried at. Each rejects with `Absent` where that is not there. */
export interface Way {
  /** The clients' address, such as `wss://abc123.execute-api.us-east-1.amazonaws.com/dev`. */
  address(get: Get): Promise<string>;
  /** A function that Lambda runs. */
  usable(get: Get): Promise<unknown>;
  /** A stage at that address. */
  served(get: Get): Promise<unknown>;
}

/** How the path itself is tried: the function, the backend, and a real WebSocket through all of it. */
export function pathReaders(reading: Reading, way: Way): Pick<Readers, PathEvidence> {
  const { aws, names, client, signal } = reading;
  return {
    async invocation(get) {
      const [owner] = await Promise.all([get("owner"), way.usable(get)]);
      return await testFunction(aws, { ...names, ...client, owner }, signal);
    },
    async frames(get) {
      await refuseOwn(get);
      const [address] = await Promise.all([way.address(get), way.usable(get)]);
      // One after the other: a function may be allowed one run at a time.
      await get("invocation").catch(() => undefined);
      return await sentFrame(names, address, reading);
    },
    async backend(get) {
      await refuseOwn(get);
      const variables = variablesOf(await get("lambda"));
      const given = variables["BACKEND_URL"] ? undefined : client.backendUrl;
      const backendUrl = given ?? variables["BACKEND_URL"] ?? "";
      if (!/^https?:/i.test(backendUrl) || !URL.canParse(backendUrl))
        throw new Absent("the backend's address is not known");
      const keys = parseSigningKeys(variables["SIGNING_KEYS"] ?? "") ?? [];
      const subject = subjectOf({ ...client, backendUrl: given, variables: {} }, variables, keys);
      return await converse(subject, pathChecks, { signal, limitMs: BACKEND_MS });
    },
    async socket(get) {
      const [address, frames] = await Promise.all([
        way.address(get),
        get("frames").catch(unknownFrames),
        way.served(get),
      ]);
      const { booking = "1", token = MADE_UP_TOKEN, type } = client;
      return await handshake(addressOf(address, { booking, token, type }), frames, reading);
    },
  };
}

/** What is deployed, as AWS shows it. */
export const deployedWay = ({ stage }: Names): Way => ({
  address: async (get) => `${addressesOf(await get("api")).ApiEndpoint}/${stage}`,
  usable: refuseUnusable,
  served: (get) => get("stage"),
});

/** What the shipped handler alone does is asked of no other. */
async function refuseOwn(get: Get): Promise<void> {
  if ((await get("owner")) === "own")
    throw new Absent("the code is your own handler, and this is about the one that ships");
}

/** Without the function's own word the WebSocket is opened all the same. */
const unknownFrames = (): ConnectionsProof => ({
  code: "not-asked",
  reached: null,
  meaning: "it is not known whether the function can send frames to clients: it gave no answer to that",
});

/** A function that Lambda does not run answers nothing, which its own checks tell. */
async function refuseUnusable(get: Get): Promise<void> {
  const [{ State }, concurrency] = await Promise.all([
    get("lambda"),
    // A caller that may not read it may still invoke.
    orDenied(get("concurrency")),
  ]);
  if (State === "Failed") throw new Absent("Lambda could not make the function");
  if (concurrency?.reserved === 0) throw new Absent("the function may not run: nothing is reserved for it");
}
