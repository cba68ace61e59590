import { Writable } from "node:stream";
import type { WriteStream } from "node:tty";
import { expect, test } from "vitest";
import { writerFor } from "../../src/terminal/output.ts";

/** A stream that, like a pipe, takes all that waits at once. */
function streamOf() {
  const taken: string[] = [];
  const join = (chunks: { chunk: unknown }[]) => chunks.map(({ chunk }) => String(chunk)).join("");
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      taken.push(String(chunk));
      done();
    },
    writev(chunks, done) {
      taken.push(join(chunks));
      done();
    },
  });
  return { taken, writer: writerFor(stream as WriteStream, undefined, () => undefined) };
}

test("what is gathered leaves in one write and in order, and is not lost at the end", async () => {
  const { taken, writer } = streamOf();
  writer.writeRaw("before\n");
  writer.gather();
  writer.writeRaw("one\n");
  writer.gather();
  writer.writeRaw("two\n");
  expect(taken).toEqual(["before\n"]);
  await writer.flushed();
  expect(taken).toEqual(["before\n", "one\ntwo\n"]);
  writer.writeRaw("after\n");
  expect(taken.at(-1)).toBe("after\n");
});
