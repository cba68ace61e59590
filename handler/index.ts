import { readConfiguration } from "./config.ts";
import { createHandler } from "./handler.ts";
import { addressOf, openEarly } from "./transport.ts";

const configuration = readConfiguration(process.env);

/** The function's handler, `index.handler`: one event of a WebSocket API in, one status out. */
export const handler = createHandler(configuration, (line) => process.stdout.write(line));

const { backend, endpoint } = configuration;
await openEarly([...(backend ? [backend] : []), ...(endpoint ? [addressOf(endpoint)] : [])]);
