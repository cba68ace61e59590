import type { DocumentsOf } from "../cli/document.ts";
import type { commands } from "../commands/index.ts";

/** The documents of every command, by its name: `schemas.js` reads them off this type. */
export type Documents = {
  [C in keyof typeof commands]: DocumentsOf<Awaited<ReturnType<(typeof commands)[C]>>["command"]>;
};
