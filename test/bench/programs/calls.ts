import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** Calls an address as often as "call" stands among the words, one after another; a number is a pause. */
const [, , url = "", ...words] = process.argv;
const agent = new Agent({ keepAlive: true });
for (const word of words) await (word === "call" ? call() : delay(Number(word)));
agent.destroy();

function call(): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent }, (response) => response.resume().on("end", resolve));
    asked.on("error", reject).end();
  });
}
