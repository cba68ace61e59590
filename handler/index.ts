import { readConfiguration } from "./config.ts";
import { createHandler } from "./handler.ts";
import { addressOf, openEarly } from "./transport.ts";
import { warmUp } from "./warm-up.ts";

const configuration = readConfiguration(process.env);
// Node makes the stream when it is first asked for.
const { stdout } = process;

/** The function's handler, `index.handler`: one event of a WebSocket API in, one status out. */
export const handler = createHandler(configuration, (line) => stdout.write(line));

const { backend, endpoint } = configuration;
await Promise.all([
  openEarly([...(backend ? [backend] : []), ...(endpoint ? [addressOf(endpoint)] : [])]),
  warmUp(configuration),
]);
