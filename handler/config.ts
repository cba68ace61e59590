import type { KeyObject } from "node:crypto";
import { levels, type Level } from "./log.ts";
import type { Credentials } from "./sigv4.ts";
import { addressOf, type Address } from "./transport.ts";
import { signingKeys } from "./webhook.ts";

/** The events that are sent to the backend. */
export type Kind = "connect" | "message" | "disconnect";

/** The function's environment (CONTRACT.md 7), read once when the module loads. */
export interface Configuration {
  /**
   * What is wrong, one sentence each. While there is one, the backend is not called and no client can
   * connect.
   */
  problems: string[];
  backend: Address | undefined;
  /** The three paths below the backend's address; the first may hold `{type}` and `{booking_id}`. */
  paths: Record<Kind, string>;
  keys: KeyObject[];
  /** The time for one attempt, milliseconds; undefined for the handler's own limits. */
  backendTimeoutMs: number | undefined;
  /** Where @connections is; undefined to take it from the event. */
  endpoint: URL | undefined;
  lambda: Address;
  functionName: string | undefined;
  region: string;
  credentials: Credentials | undefined;
  logLevel: Level;
}

type Environment = Record<string, string | undefined>;

/** Reads the environment; never throws: what is wrong is listed in `problems`. */
export function readConfiguration(environment: Environment): Configuration {
  const problems: string[] = [];
  const read = <Value>(
    name: string,
    parse: (text: string) => Value | undefined,
    expected: string,
    text = environment[name]?.trim() ?? "",
  ): Value | undefined => {
    const value = text === "" ? undefined : parse(text);
    if (text !== "" && value === undefined) problems.push(`${name} has to be ${expected}`);
    return value;
  };
  const url = "a plain http(s) URL, not link-local";
  const path = (name: string, usual: string, parse = plainPath) =>
    read(name, parse, "a path such as /api/ws/message") ?? usual;
  if (!environment["BACKEND_URL"]?.trim()) problems.push("BACKEND_URL is not set");
  const backend = read("BACKEND_URL", plainUrl, url);
  const region = environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? "us-east-1";
  const lambda = read("AWS_ENDPOINT_URL_LAMBDA", plainUrl, url) ?? read("AWS_ENDPOINT_URL", plainUrl, url);
  return {
    problems,
    backend: backend && addressOf(backend),
    paths: {
      connect: path("REGISTER_PATH", "/api/ws/register", template),
      message: path("MESSAGE_PATH", "/api/ws/message"),
      disconnect: path("DISCONNECT_PATH", "/api/ws/disconnect"),
    },
    // Blanks alone are a mistake, not a choice to send unsigned requests.
    keys:
      read(
        "SIGNING_KEYS",
        signingKeys,
        "one or two keys, each whsec_ and the base64 of 24 to 64 bytes",
        environment["SIGNING_KEYS"],
      ) ?? [],
    backendTimeoutMs: read("BACKEND_TIMEOUT_MS", milliseconds, "milliseconds from 1 to 29000"),
    endpoint: read("API_GATEWAY_ENDPOINT", plainUrl, url),
    lambda: addressOf(
      lambda ?? new URL(`https://lambda.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`),
    ),
    functionName: environment["AWS_LAMBDA_FUNCTION_NAME"],
    region,
    credentials: credentialsOf(environment),
    logLevel: levels.find((level) => level === environment["LOG_LEVEL"]?.toUpperCase()) ?? "INFO",
  };
}

/**
 * AWS's metadata services have link-local addresses, a backend never has. The CLI refuses the same ones.
 */
const linkLocal = /^169\.254\.|^\[(fe[89ab][0-9a-f]|fd00:ec2|::(ffff:)?a9fe):/;

function plainUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain =
    url && /^https?:$/.test(url.protocol) && !/[?#]/.test(text) && url.username === "" && url.password === "";
  return plain && !linkLocal.test(url.hostname) ? url : undefined;
}

function plainPath(text: string): string | undefined {
  const plain = /^\/[\w\-.~%!$&'()*+,;=:@/]*$/.test(text) && !text.startsWith("//");
  return plain && !text.split("/").includes("..") ? text : undefined;
}

/** A path for `register`; backends may have one for each type or booking. */
function template(text: string): string | undefined {
  return plainPath(text.replaceAll(/\{(type|booking_id)\}/g, "x")) && text;
}

function milliseconds(text: string): number | undefined {
  const number = Number(text);
  return /^\d+$/.test(text) && number >= 1 && number <= 29_000 ? number : undefined;
}

function credentialsOf(environment: Environment): Credentials | undefined {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = environment;
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, sessionToken } : undefined;
}
