import { createHmac, randomBytes } from "node:crypto";
import type { AccessKey } from "../files/local-key.ts";
import type { Credentials } from "./runtime/contract.ts";
import type { StatedSignature } from "./sigv4.ts";

/** The access keys that a local AWS knows: its user's, and those of the sessions that it has given out. */
export interface AccessKeys {
  /** New credentials with this token. Their secret follows from both, so that no list of them is kept. */
  temporary(sessionToken: string): Credentials;
  /** The secret that a signature says it is made with; undefined for a key that is not known. */
  secretOf(stated: Pick<StatedSignature, "accessKeyId" | "sessionToken">): string | undefined;
}

/** The keys of the local AWS whose user has this one. */
export function accessKeysOf(user: AccessKey): AccessKeys {
  const secretFor = (accessKeyId: string, sessionToken: string): string =>
    createHmac("sha256", user.secretAccessKey).update(`${accessKeyId}\n${sessionToken}`).digest("base64");
  return {
    temporary(SessionToken) {
      const AccessKeyId = `ASIA${randomBytes(8).toString("hex").toUpperCase()}`;
      return { AccessKeyId, SecretAccessKey: secretFor(AccessKeyId, SessionToken), SessionToken };
    },
    secretOf({ accessKeyId, sessionToken }) {
      if (sessionToken !== undefined) return secretFor(accessKeyId, sessionToken);
      return accessKeyId === user.accessKeyId ? user.secretAccessKey : undefined;
    },
  };
}
