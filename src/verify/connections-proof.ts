import type { Step } from "../settings/table.ts";

/** A text that the handler answers itself, over the socket that it came from (CONTRACT.md 9). */
export const PROVE = '{"type":"shelfshack.prove"}';
/** What it answers: a socket that gets it has been reached through @connections. */
export const PROVEN = '{"type":"shelfshack.proven"}';

/** An id of API Gateway's form that stands for no connection: @connections answers 410 (AWS.md 1.1, 2.3). */
const NO_CONNECTION = "AAAAAAAAAAACAAA=";

/**
 * The event that asks the handler to reach @connections, and to say how that went. API Gateway sends no such
 * event; it takes the right to invoke the function. `endpoint` counts where the function has none of its own.
 */
export const proofEvent = (endpoint: string, connectionId = NO_CONNECTION): object => ({
  shelfshackProof: { connectionId, endpoint },
});

/** Whether frames of the function reach clients, as far as its own answer tells. */
export interface ConnectionsProof {
  code:
    | "reached"
    | "denied"
    | "wrong-endpoint"
    | "refused"
    | "unreachable"
    | "not-asked"
    | "older-handler"
    | "not-arrived";
  /** Null where the handler cannot tell. */
  reached: boolean | null;
  meaning: string;
}

/** The step that repairs what keeps frames from clients. */
export const stepThatLetsFramesThrough: Readonly<Partial<Record<ConnectionsProof["code"], Step>>> = {
  denied: "policy",
  "wrong-endpoint": "endpoint",
};

/** The handler's answer (`Proven` in handler/contract.ts), each member untrusted. */
interface Answer {
  outcome: string;
  cause: string;
  status: number | undefined;
  endpoint: string | undefined;
  resource: string | undefined;
}

/** What the handler said, the first row that fits. */
const rows: readonly {
  when: (answer: Answer, expected: string) => boolean;
  code: ConnectionsProof["code"];
  meaning: (answer: Answer, expected: string) => string;
}[] = [
  {
    when: ({ endpoint }, expected) => endpoint !== undefined && comparable(endpoint) !== comparable(expected),
    code: "wrong-endpoint",
    meaning: ({ endpoint }, expected) =>
      `the function sends its frames to ${endpoint}, and the clients are at ${expected}`,
  },
  {
    when: ({ outcome }) => outcome === "sent" || outcome === "gone",
    code: "reached",
    meaning: () => "the function reaches its clients through @connections",
  },
  {
    when: ({ resource }) => resource !== undefined,
    code: "denied",
    meaning: ({ resource }) =>
      `the function's role may not send frames: it lacks execute-api:ManageConnections on ${resource}`,
  },
  {
    when: ({ cause }) => cause.includes("ForbiddenException"),
    code: "wrong-endpoint",
    meaning: ({ endpoint }) =>
      `there is no such API or stage at ${endpoint}, where the function sends its frames`,
  },
  {
    when: ({ status }) => status !== undefined,
    code: "refused",
    meaning: ({ endpoint, cause }) => `the function cannot send frames: ${cause}, at ${endpoint}`,
  },
  {
    when: ({ cause }) => cause.startsWith("@connections: "),
    code: "unreachable",
    meaning: ({ endpoint, cause }) =>
      `the function does not reach ${endpoint} to send frames: ${cause.replace("@connections: ", "")}`,
  },
  {
    when: () => true,
    code: "not-asked",
    meaning: ({ cause }) => `the function cannot send frames: ${cause}`,
  },
];

/**
 * What the function's answer to `proofEvent` means, for an API whose clients are at `expected`, such as
 * `https://abc123.execute-api.us-east-1.amazonaws.com/dev`. Any value is understood: other handlers, and
 * those before version 1.1 of the contract, answer something else.
 */
export function connectionsProof(answered: unknown, expected: string): ConnectionsProof {
  const answer = answerIn(answered);
  const row = answer && rows.find(({ when }) => when(answer, expected));
  if (!row)
    return {
      code: "older-handler",
      reached: null,
      meaning: "the function's handler is older or another one: it cannot say whether frames reach clients",
    };
  return { code: row.code, reached: row.code === "reached", meaning: row.meaning(answer, expected) };
}

function answerIn(answered: unknown): Answer | undefined {
  const proof = (answered as { proof?: unknown } | null | undefined)?.proof;
  if (typeof proof !== "object" || proof === null) return undefined;
  const { outcome, cause, status, endpoint, resource } = proof as Record<string, unknown>;
  if (outcome !== "sent" && outcome !== "gone" && outcome !== "failed") return undefined;
  return {
    outcome,
    cause: textIn(cause) ?? "it does not say why",
    status: typeof status === "number" ? status : undefined,
    endpoint: textIn(endpoint),
    resource: textIn(resource),
  };
}

const textIn = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** Without what does not matter about an address. */
function comparable(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).href.replace(/\/+$/, "") : endpoint;
}
