// A process that runs one event and prints the log: the tests end it in all the ways in which ours can end.
import { startRuntime } from "../../src/local/runtime/runtime.ts";
import type { FunctionToRun } from "../../src/local/runtime/contract.ts";

const { target, close } = JSON.parse(process.argv[2] ?? "{}") as {
  target: Omit<FunctionToRun, "zip"> & { zip: string };
  close?: boolean;
};
const runtime = await startRuntime({
  endpointUrl: () => "http://127.0.0.1:4566",
  log: (entries) => process.stdout.write(entries.map(({ message }) => message).join("")),
});
const { payload } = await runtime.invoke({ ...target, zip: Buffer.from(target.zip, "base64") }, "{}");
process.stdout.write(`answered ${payload}\n`);
if (close) await runtime.close();
