import type { IncomingMessage } from "node:http";

/** API, stage and connection that a request names. Empty strings when it names no API or no stage. */
export interface StageUrlParts {
  apiId: string;
  stage: string;
  connectionId?: string;
}

const apiHost = /^([a-z0-9]+)\.execute-api\.localhost(?::\d+)?$/i;
const stagePath = /^\/([a-z0-9]+)\/([^/?]+)(?:\/(?:@|%40)connections\/([^/?]+)|\/?)(?:\?|$)/i;
/** `@connections` of an API without its stage. */
const stagelessPath = /^\/([a-z0-9]+)()\/(?:@|%40)connections\/([^/?]+)(?:\?|$)/i;

/** Whether a request names an API by its host: then every path is the API's, whatever its stage is called. */
export const namesApi = ({ headers }: Pick<IncomingMessage, "headers">): boolean =>
  apiHost.test(headers.host ?? "");

/**
 * `/{apiId}/{stage}` with any host, or `/{stage}` at `{apiId}.execute-api.localhost`; behind it
 * `@connections` or nothing (AWS.md 1.1, 2.1). `@connections` without a stage is an address too: one that is
 * refused as AWS refuses it (AWS.md 2.3).
 */
export function stageUrlParts({
  url = "",
  headers,
}: Pick<IncomingMessage, "url" | "headers">): StageUrlParts {
  const [, named] = apiHost.exec(headers.host ?? "") ?? [];
  const path = named ? `/${named.toLowerCase()}${url}` : url;
  const [, apiId = "", stage = "", connectionId] = stagelessPath.exec(path) ?? stagePath.exec(path) ?? [];
  return {
    apiId,
    stage: decoded(stage),
    ...(connectionId === undefined ? {} : { connectionId: decoded(connectionId) }),
  };
}

/** Percent-encoded text as it was; what is no such text stays. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // Text that cannot be decoded names no stage or connection.
    if (error instanceof URIError) return text;
    throw error;
  }
}
