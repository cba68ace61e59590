import { join } from "node:path";
import { readTrusted } from "./read.ts";

/** What calls of AWS are signed with. */
export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
}

/** The folder and the file that keep the access key of a user's local AWS, below his state folder. */
export const localKeyPlace = (home: string) => {
  const folder = join(home, "shelfshack-ws");
  return { folder, file: join(folder, "local-access-key.json") };
};

const MOST_BYTES = 1_000;

/**
 * The access key that a user's local AWS knows him by; undefined where none is kept yet, or none that this
 * user alone could have written.
 */
export function readLocalKey(home: string | undefined): AccessKey | undefined {
  const reading = home === undefined ? undefined : readTrusted(localKeyPlace(home).file, MOST_BYTES);
  return reading && "bytes" in reading ? keyIn(reading.bytes.toString()) : undefined;
}

function keyIn(text: string): AccessKey | undefined {
  const [, accessKeyId] = /"accessKeyId": *"(AKIA[A-Z2-7]{16})"/.exec(text) ?? [];
  const [, secretAccessKey] = /"secretAccessKey": *"([A-Za-z0-9+/]{40})"/.exec(text) ?? [];
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
}

/** The file's text for a key. */
export const localKeyText = (key: AccessKey): string => `${JSON.stringify(key, undefined, 2)}\n`;
