import type { IncomingMessage } from "node:http";

const credential = /^([^/\s,]+)\/\d{8}\/([\w-]+)\/execute-api\/aws4_request$/;
const header = /^AWS4-HMAC-SHA256 +Credential=([^\s,]+),/;

/** What a call was signed for; its region is undefined where it carries no signature. */
export interface Signed {
  region: string | undefined;
  accessKeyId: string;
  sessionToken: string | string[] | undefined;
}

/** A signature stands in the headers or, of a presigned call, in the query. */
export function signatureOf({ headers, url = "" }: IncomingMessage): Signed {
  const query = new URLSearchParams(url.split("?").slice(1).join("?"));
  const [, inHeader] = header.exec(headers.authorization ?? "") ?? [];
  const inQuery = query.has("X-Amz-Signature") ? query.get("X-Amz-Credential") : undefined;
  const [, accessKeyId = "", region] = credential.exec(inHeader ?? inQuery ?? "") ?? [];
  return {
    region,
    accessKeyId,
    sessionToken: headers["x-amz-security-token"] ?? query.get("X-Amz-Security-Token") ?? undefined,
  };
}

/** The text of other services; that of API Gateway is unverified (AWS.md 2.2). */
export const wrongRegion = (region: string): string =>
  `Credential should be scoped to a valid region, not '${region}'.`;
