import { randomBytes } from "node:crypto";
import { CliError } from "../errors/error.ts";
import { localKeyPlace, localKeyText, readLocalKey, type AccessKey } from "../files/local-key.ts";
import { makeFolder, requireOwn } from "../files/own-folder.ts";
import { claimFile, replaceFile, SECRET } from "../files/write.ts";

/** A new access key, in the form of AWS's. */
export const newAccessKey = (): AccessKey => ({
  accessKeyId: `AKIA${letters(16)}`,
  secretAccessKey: randomBytes(30).toString("base64"),
});

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const letters = (count: number): string =>
  Array.from(randomBytes(count), (byte) => alphabet[byte % alphabet.length]).join("");

/**
 * The access key of this user. Where it cannot be kept it is good for one run, unless the other commands need
 * it: where signatures are verified, and where the system does not tell whose a connection is. Then this
 * throws, a CliError for what is wrong with the folder.
 */
export async function accessKeyFor(
  home: string | undefined,
  { verifySignatures }: { verifySignatures: boolean },
): Promise<AccessKey> {
  try {
    return await keptAccessKey(home);
  } catch (error) {
    if (verifySignatures || process.platform !== "linux") throw error;
    return newAccessKey();
  }
}

/**
 * The access key that is kept for this user's eyes below his state folder, made when there is none: every
 * local AWS of his knows it, and the other commands sign with it.
 */
async function keptAccessKey(home: string | undefined): Promise<AccessKey> {
  if (home === undefined)
    throw new CliError(
      "own-place-unusable",
      "the access key of the local AWS cannot be kept: there is no home",
      {
        hint: "set XDG_STATE_HOME to a folder of your own",
      },
    );
  const { folder, file } = localKeyPlace(home);
  await makeFolder(folder);
  await requireOwn(folder);
  const present = readLocalKey(home);
  if (present) return present;
  const made = newAccessKey();
  if (!(await claimFile(file, localKeyText(made)))) {
    const another = readLocalKey(home);
    if (another) return another;
    // What is there is no key that this user alone could have written.
    await replaceFile(file, localKeyText(made), SECRET);
  }
  return made;
}
