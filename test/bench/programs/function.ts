import { Agent, request } from "node:http";

/** A function's process under the bare Runtime API: its argument is the module with the handler. */
const { RUNTIME: runtime = "" } = process.env;
const { handler } = (await import(process.argv[2]!)) as { handler(event: object): Promise<object> };
const agent = new Agent({ keepAlive: true });
for (;;) {
  const { id, event } = await next();
  await handler(JSON.parse(event) as object);
  await asked("POST", `/response/${id}`);
}

async function next() {
  const { text, headers } = await asked("GET", "/next");
  return { id: String(headers["lambda-runtime-aws-request-id"]), event: text };
}

function asked(method: string, path: string) {
  return new Promise<{ text: string; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
    const call = request(runtime + path, { method, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ text, headers: response.headers }));
    });
    // Ends the process with the gateway.
    call.on("error", reject).end();
  });
}
