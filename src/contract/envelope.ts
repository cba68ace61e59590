/**
 * Version 1 of what the proxy and a backend say to each other (CONTRACT.md 1): events, paths and limits, for
 * the checks of a backend and for the demo backend.
 */

/** The backend's three endpoints. */
export const endpoints = ["register", "message", "disconnect"] as const;
export type Endpoint = (typeof endpoints)[number];

/** The `event` of an envelope, by its endpoint. */
export const events: Readonly<Record<Endpoint, string>> = {
  register: "connect",
  message: "message",
  disconnect: "disconnect",
};

/** Below the backend's address, unless the function's variables say otherwise. */
export const defaultPaths: Readonly<Record<Endpoint, string>> = {
  register: "/api/ws/register",
  message: "/api/ws/message",
  disconnect: "/api/ws/disconnect",
};

/** The body of a request: the members that every request has, and those of its event (CONTRACT.md 1 to 4). */
export interface Envelope {
  /** The host that the request is for; absent from handlers before version 1.1. */
  host?: string;
  path: string;
  event: string;
  connection_id: string;
  [member: string]: unknown;
}

/** The types of connections that the handler refuses without a token (CONTRACT.md 2). */
export const typesWithToken: readonly string[] = ["booking", "chat", "notification"];

/** How far a timestamp may be away from the backend's clock, in seconds. */
export const TOLERANCE_SECONDS = 300;

/** How long an answer is remembered under its webhook-id, in milliseconds. */
export const ANSWER_LIFE_MS = 600_000;

/** The longest request that a backend has to take, in bytes. */
export const LONGEST_REQUEST = 1_048_576;

/** What the proxy reads of an answer, in bytes. */
export const LONGEST_ANSWER = 1_048_576;

/** 128 KB: no longer frame reaches a client (AWS.md 1.12). */
export const LONGEST_FRAME = 131_072;

/**
 * How long the handler waits for an answer to one attempt, in milliseconds. A request that took longer is not
 * repeated (CONTRACT.md 5).
 */
export const ATTEMPT_MS: Readonly<Record<Endpoint, number>> = {
  register: 5_000,
  message: 20_000,
  disconnect: 3_000,
};

/** All attempts of one event have no more time than this, in milliseconds (CONTRACT.md 5). */
export const BUDGET_MS: Readonly<Record<Endpoint, number>> = {
  register: 8_000,
  message: 25_000,
  disconnect: 5_000,
};
