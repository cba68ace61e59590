import { readFile } from "node:fs/promises";
import { assetUrl } from "../artifact/assets.ts";

/** The FastAPI kit of this package: the file that `backend init` writes. */
export interface Kit {
  text: string;
  version: string | undefined;
}

export async function readKit(): Promise<Kit> {
  const text = await readFile(assetUrl("backend/shelfshack_ws.py"), "utf8");
  return { text, version: kitVersionIn(text) };
}

/** The version that a copy of the kit names; undefined for files without one, such as copies before 0.1.0. */
export const kitVersionIn = (text: string): string | undefined =>
  /^__version__ = "([\w.+-]{1,40})"\r?$/m.exec(text)?.[1];
