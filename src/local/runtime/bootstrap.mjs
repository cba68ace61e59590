// Runs a Node handler: a client of Lambda's Runtime API (AWS.md 5.1), that behaves like AWS's own. A plain
// file without imports of ours: it runs as a process of its own and must be ready within milliseconds. It
// speaks HTTP over a plain socket: four times the events per second of node:http, and node:http need not be
// loaded.
const net = process.getBuiltinModule("node:net");
const fs = process.getBuiltinModule("node:fs");
const path = process.getBuiltinModule("node:path");
const { format } = process.getBuiltinModule("node:util");
const { createRequire } = process.getBuiltinModule("node:module");
const { pathToFileURL } = process.getBuiltinModule("node:url");

const environment = process.env;
/** `HOST:PORT`, and behind a slash what every path begins with. */
const [, address, base] = /^([^/]*)(.*)$/.exec(environment.AWS_LAMBDA_RUNTIME_API);
const taskRoot = environment.LAMBDA_TASK_ROOT;
const nodeMajor = Number(/nodejs(\d+)/.exec(environment.AWS_EXECUTION_ENV)?.[1] ?? 24);
const callbacksGone = nodeMajor >= 24;
const fixedContext = {
  functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
  memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
  logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
};

let currentRequestId;
/** Called when the event loop is empty while a handler has not answered. */
let whenIdle;
process.on("beforeExit", () => whenIdle?.());

// Console
// ----------------------------------------------------------------------------------------------------

const levels = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO",
  log: "INFO",
  warn: "WARN",
  error: "ERROR",
  fatal: "FATAL",
};

const isJson = environment.AWS_LAMBDA_LOG_FORMAT === "JSON";
const ranks = Object.values(levels).filter((level, index, all) => all.indexOf(level) === index);
const lowest = isJson ? ranks.indexOf(environment.AWS_LAMBDA_LOG_LEVEL) : 0;

for (const [method, level] of Object.entries(levels)) {
  console[method] = (...texts) => {
    if (ranks.indexOf(level) < lowest) return;
    const timestamp = new Date().toISOString();
    print(
      isJson
        ? jsonLine({ timestamp, level, requestId: currentRequestId }, texts)
        : `${timestamp}\t${currentRequestId}\t${level}\t${format(...texts)}`,
    );
  };
}

/** A console line as AWS's runtime writes it in JSON: one value as it is, several as one text. */
function jsonLine(line, texts) {
  if (texts.length === 1) {
    try {
      return JSON.stringify({ ...line, message: texts[0] }, (_key, value) =>
        value instanceof Error ? described(value) : value,
      );
    } catch {
      return JSON.stringify({ ...line, message: format(texts[0]) });
    }
  }
  const error = texts.find((text) => text instanceof Error);
  return JSON.stringify({ ...line, message: format(...texts), ...(error && described(error)) });
}

const described = (error) => ({
  errorType: error.constructor?.name ?? "UnknownError",
  errorMessage: error.message,
  stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : [],
  ...error,
});

// A carriage return keeps the lines of one text in one log event. Written synchronously: nothing is lost
// when the process ends.
function print(text) {
  const bytes = Buffer.from(`${text.replaceAll("\n", "\r")}\n`);
  for (let written = 0; written < bytes.length;) written += writeSome(bytes, written);
}

function writeSome(bytes, from) {
  try {
    return fs.writeSync(1, bytes, from);
  } catch (error) {
    if (error.code !== "EAGAIN") process.exit(1); // the pipe is closed: our parent is gone
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    return 0;
  }
}

function logError(text, error) {
  if (isJson) return console.error(error);
  console.error(
    text,
    `\t${JSON.stringify(error, (_key, value) => (value instanceof Error ? enumerable(value) : value))}`,
  );
}

function enumerable(error) {
  const { name, message, code, stack } = error;
  return {
    errorType: name,
    errorMessage: message,
    code,
    ...error,
    ...(typeof stack === "string" && { stack: stack.split("\n") }),
  };
}

// Names
// ----------------------------------------------------------------------------------------------------

// An event names the local AWS as `….localhost`, which not every system resolves. Replaced where all that
// connects by name looks it up; `localhost` itself stays the system's.
const dns = process.getBuiltinModule("node:dns");
const { lookup } = dns;
dns.lookup = Object.assign(
  (name, ...rest) => lookup(/\.localhost\.?$/i.test(name) ? "127.0.0.1" : name, ...rest),
  lookup,
);

// Runtime API
// ----------------------------------------------------------------------------------------------------

const calls = `${base}/2018-06-01/runtime`;
const headOf = (method, call, length) =>
  `${method} ${calls}/${call} HTTP/1.1\r\nHost: ${address}\r\nContent-Length: ${length}\r\n\r\n`;
const post = (call, body) => headOf("POST", call, Buffer.byteLength(body)) + body;
const askForNext = headOf("GET", "invocation/next", 0);

const socket = net.connect({
  host: address.split(":")[0],
  port: Number(address.split(":")[1]),
  noDelay: true,
});
socket.on("error", () => process.exit(1));
socket.on("close", () => process.exit(1));

/** Calls back with the head and the body of each answer. */
function readAnswers(onAnswer) {
  let head;
  let length = 0;
  let size = 0;
  let chunks = [];
  socket.on("data", (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    for (;;) {
      if (head === undefined) {
        const bytes = join();
        const end = bytes.indexOf("\r\n\r\n");
        if (end === -1) return;
        head = bytes.latin1Slice(0, end);
        length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
        keep(bytes.subarray(end + 4));
      }
      if (size < length) return;
      const bytes = join();
      const answer = [head, bytes.utf8Slice(0, length)];
      head = undefined;
      keep(bytes.subarray(length));
      onAnswer(...answer);
    }
  });
  const join = () => (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  const keep = (rest) => {
    chunks = [rest];
    size = rest.length;
  };
}

const header = (head, name) => new RegExp(`^${name}: *(.*)$`, "im").exec(head)?.[1];

// Handler
// ----------------------------------------------------------------------------------------------------

/** On a handler that writes its answer into a stream. */
const streaming = Symbol.for("aws.lambda.runtime.handler.streaming");

globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[streaming] = "response";
    return handler;
  },
  HttpResponseStream: {
    /** Status and headers come first, then eight zero bytes, then the body. */
    from(stream, prelude) {
      stream.setContentType("application/vnd.awslambda.http-integration-response");
      stream.prelude = [Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)];
      return stream;
    },
  },
};

function named(name, message, cause) {
  const error = new Error(message);
  error.name = name;
  if (cause) error.stack = cause.stack;
  return error;
}

async function loadHandler(handlerName) {
  if (handlerName.includes("..")) {
    throw named(
      "Runtime.MalformedHandlerName",
      `'${handlerName}' is not a valid handler name. ` +
        "Use absolute paths when specifying root directories in handler names.",
    );
  }
  const [, moduleName, exported] = /^([^.]*)\.(.*)$/.exec(path.basename(handlerName)) ?? [];
  if (moduleName === undefined) throw named("Runtime.MalformedHandlerName", "Bad handler");
  const loaded = await loadModule(path.dirname(handlerName), moduleName);
  const handler = find(loaded, exported);
  if (!handler) throw named("Runtime.HandlerNotFound", `${handlerName} is undefined or not exported`);
  if (typeof handler !== "function")
    throw named("Runtime.HandlerNotFound", `${handlerName} is not a function`);
  if (callbacksGone && handler.length >= 3 && !handler[streaming]) {
    throw named(
      "Runtime.CallbackHandlerDeprecated",
      "ERROR: AWS Lambda has removed support for callback-based function handlers " +
        "starting with Node.js 24. " +
        "You need to modify this function to use a supported handler signature to use Node.js 24 or later. " +
        "For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.",
    );
  }
  return handler;
}

/**
 * As AWS does it: an ECMAScript module shows its named exports only, so a default export is no handler; of
 * CommonJS all that `module.exports` holds counts.
 */
async function loadModule(folder, moduleName) {
  const file = path.resolve(taskRoot, folder, moduleName);
  const require = createRequire(import.meta.url);
  try {
    for (const extension of ["", ".js", ".mjs", ".cjs"]) {
      const found = file + extension;
      if (!fs.statSync(found, { throwIfNoEntry: false })?.isFile()) continue;
      const isModule = extension === ".mjs" || (extension === ".js" && isInModulePackage(found));
      return isModule ? await import(pathToFileURL(found).href) : require(found);
    }
    return require(require.resolve(moduleName, { paths: [taskRoot, path.join(taskRoot, folder)] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw named("Runtime.UserCodeSyntaxError", String(error), error);
    if (error instanceof Error && error.code === "MODULE_NOT_FOUND")
      throw named("Runtime.ImportModuleError", String(error), error);
    throw error;
  }
}

/** Whether the nearest package.json makes `.js` files ECMAScript modules; a broken one does not. */
function isInModulePackage(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const description = path.join(folder, "package.json");
    if (fs.existsSync(description)) return isModulePackage(description);
    if (folder === taskRoot || folder === path.dirname(folder)) return false;
  }
}

function isModulePackage(description) {
  try {
    return JSON.parse(fs.readFileSync(description, "utf8")).type === "module";
  } catch (error) {
    console.warn(`${description} is ignored: ${error.message}`);
    return false;
  }
}

function find(loaded, names) {
  return names
    .split(".")
    .reduce((found, name) => (found === undefined || found === null ? undefined : found[name]), loaded);
}

// Events
// ----------------------------------------------------------------------------------------------------

function errorBody(error) {
  if (!(error instanceof Error))
    return JSON.stringify({ errorType: typeof error, errorMessage: String(error), trace: [] });
  return JSON.stringify({
    errorType: error.name,
    errorMessage: error.message,
    trace: error.stack?.split("\n") ?? [],
  });
}

/** Sends the outcome of an event and the request for the next one in one write. */
function answer(requestId, verb, body) {
  whenIdle = undefined;
  socket.ref();
  socket.write(post(`invocation/${requestId}/${verb}`, body) + askForNext);
}

function succeed(requestId, result) {
  let body;
  try {
    body = JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch {
    fail(requestId, new Error("Unable to stringify response body"));
    return;
  }
  answer(requestId, "response", body);
}

function fail(requestId, error) {
  logError("Invoke Error", error instanceof Error ? error : new Error(String(error)));
  answer(requestId, "error", errorBody(error));
}

function contextOf(head, requestId) {
  const deadline = Number(header(head, "lambda-runtime-deadline-ms"));
  return {
    callbackWaitsForEmptyEventLoop: true,
    ...fixedContext,
    // Nothing here sends these; on AWS they are there all the same.
    identity: undefined,
    clientContext: undefined,
    tenantId: undefined,
    invokedFunctionArn: header(head, "lambda-runtime-invoked-function-arn"),
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

const neverSettled =
  "The Lambda runtime client detected an unexpected Node.js exit code. " +
  "This is most commonly caused by a Promise that was never settled. " +
  "For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes";

function run(handler, head, body) {
  const requestId = header(head, "lambda-runtime-aws-request-id");
  const context = contextOf(head, requestId);
  currentRequestId = requestId;
  environment._X_AMZN_TRACE_ID = header(head, "lambda-runtime-trace-id");
  // While the handler works, only its own timers and sockets keep the process running: when they end, nothing
  // can settle its promise.
  socket.unref();
  let ended = false;
  const once = (act) => (value) => {
    if (ended) return;
    ended = true;
    act(requestId, value);
  };
  const [success, failure] = [once(succeed), once(fail)];
  try {
    const event = JSON.parse(body);
    whenIdle = callbacksGone ? () => failure(named("Runtime.NodeJsExit", neverSettled)) : undefined;
    if (handler[streaming]) runWithStream(handler, event, context, once(sendText), failure);
    else if (callbacksGone) Promise.resolve(handler(event, context)).then(success, failure);
    else runWithCallback(handler, event, context, success, failure);
  } catch (error) {
    failure(error);
  }
}

/** A call that is not streamed gets what was written when the stream ends. */
function runWithStream(handler, event, context, success, failure) {
  const { Writable } = process.getBuiltinModule("node:stream");
  const chunks = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  stream.setContentType = () => undefined;
  const written = new Promise((resolve, reject) => stream.once("finish", resolve).once("error", reject));
  whenIdle = () => failure(named("Runtime.NodeJsExit", neverSettled));
  void Promise.all([handler(event, stream, context), written]).then(
    () => success(Buffer.concat([...(stream.prelude ?? []), ...chunks]).toString()),
    failure,
  );
}

const sendText = (requestId, text) => answer(requestId, "response", text);

/** Node 22 and older: an answer by callback is sent when the event loop is empty, unless set otherwise. */
function runWithCallback(handler, event, context, success, failure) {
  const callback = (error, result) => {
    const send = () => (error === undefined || error === null ? success(result) : failure(error));
    if (!context.callbackWaitsForEmptyEventLoop) return send();
    whenIdle = send;
  };
  Object.assign(context, {
    done: callback,
    succeed: (result) => callback(null, result),
    fail: (error) => callback(error ?? "handled"),
  });
  const returned = handler(event, context, callback);
  if (typeof returned?.then === "function") {
    whenIdle ??= () => failure(named("Runtime.NodeJsExit", neverSettled));
    returned.then(success, failure);
  } else whenIdle ??= () => success(null);
}

/** An error outside of the handler's promise: Lambda ends the environment. */
function giveUp(text, error, exitCode) {
  logError(text, error);
  socket.ref();
  socket.write(post("init/error", errorBody(error)), () => process.exit(exitCode));
}

process.on("uncaughtException", (error) =>
  giveUp("Uncaught Exception", error instanceof Error ? error : new Error(String(error)), 129),
);
process.on("unhandledRejection", (reason) =>
  giveUp(
    "Unhandled Promise Rejection",
    named("Runtime.UnhandledPromiseRejection", String(reason), reason instanceof Error ? reason : undefined),
    128,
  ),
);

try {
  socket.unref();
  const handler = await loadHandler(environment._HANDLER);
  socket.ref();
  readAnswers((head, body) => {
    if (header(head, "lambda-runtime-aws-request-id")) run(handler, head, body);
  });
  socket.write(askForNext);
} catch (error) {
  giveUp(
    callbacksGone ? "Init Error" : "Uncaught Exception",
    error instanceof Error ? error : new Error(String(error)),
    1,
  );
}
