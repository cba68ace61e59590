declare module "archiver" {
  import type { Readable } from "node:stream";

  /** The part of archiver 8 that is used here; the package has no types of its own. */
  export class ZipArchive extends Readable {
    constructor(options: { store: boolean });
    append(content: Buffer, entry: { name: string; date: Date; mode: number }): this;
    finalize(): Promise<void>;
  }
}
