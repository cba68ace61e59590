import { fileURLToPath } from "node:url";

/** The FastAPI application of the tests, as a backend. */
export const chat = { folder: fileURLToPath(new URL("../backend", import.meta.url)), module: "app" };

/** Where a client connects to it. */
export const asking = (url: string, booking: string, token: string) =>
  `${url}?booking_id=${booking}&token=${token}`;
