/**
 * Chooses the route of a message (AWS.md 1.7): the key that the expression selects from `body`, else
 * `$default`, else `undefined`, which the client sees as a `Forbidden` frame.
 *
 * Anything that evaluates to a key with a `$` goes to `$default`: a client must not reach `$connect` by
 * naming it.
 */
export function selectRoute(
  expression: string,
  body: string,
  routes: ReadonlyMap<string, unknown>,
): string | undefined {
  const selected = hasCustomRoute(routes) ? evaluateSelection(expression, body) : undefined;
  if (selected !== undefined && !selected.startsWith("$") && routes.has(selected)) return selected;
  return routes.has("$default") ? "$default" : undefined;
}

/**
 * The text that a route selection expression makes of a message; `undefined` when the message is not JSON
 * with members or the expression cannot be evaluated. A path without a value is the empty string.
 */
export function evaluateSelection(expression: string, body: string): string | undefined {
  const message = membersOf(body);
  if (message === undefined) return undefined;
  const whole = /^\$request\.body(.+)$/s.exec(expression);
  if (whole) return textAt(message, whole[1] ?? "");
  return evaluateTemplate(expression, message);
}

/** A stage with only `$connect`, `$disconnect` and `$default` does not parse its messages. */
function hasCustomRoute(routes: ReadonlyMap<string, unknown>): boolean {
  for (const key of routes.keys()) if (!key.startsWith("$")) return true;
  return false;
}

function membersOf(body: string): object | undefined {
  try {
    const message: unknown = JSON.parse(body);
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    // Text that is not JSON is a message like any other; only `$default` takes it.
    return undefined;
  }
}

const templateParts = /\\(?<escaped>.)|\$\{request\.body(?<path>[^}]+)\}|(?<text>[^\\$]+)/gsy;

function evaluateTemplate(expression: string, message: object): string | undefined {
  let selected = "";
  let length = 0;
  for (const { 0: part, groups = {} } of expression.matchAll(templateParts)) {
    const text = groups.path === undefined ? (groups.escaped ?? groups.text) : textAt(message, groups.path);
    if (text === undefined) return undefined;
    selected += text;
    length += part.length;
  }
  return length === expression.length ? selected : undefined;
}

function textAt(message: object, path: string): string | undefined {
  const steps = stepsOf(path);
  return steps && textOf(steps.reduce(member, message));
}

const pathSteps = /\.(?<name>[^.[\]\s'"]+)|\[(?<index>\d+)\]|\['(?<single>[^']*)'\]|\["(?<double>[^"]*)"\]/gy;

/**
 * The members that a path such as `.service['the action'][0]` names, in order; `undefined` for anything else.
 */
function stepsOf(path: string): string[] | undefined {
  const steps: string[] = [];
  let length = 0;
  for (const { 0: step, groups = {} } of path.matchAll(pathSteps)) {
    steps.push(groups.name ?? groups.index ?? groups.single ?? groups.double ?? "");
    length += step.length;
  }
  return length === path.length ? steps : undefined;
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

/** Without recursion: a client's lists can be nested deeper than the stack is. */
function textOf(value: unknown): string {
  const rest = [value];
  let text = "";
  while (rest.length > 0) {
    const next = rest.pop();
    if (Array.isArray(next)) pushReversed(rest, next);
    else if (typeof next === "string" || typeof next === "number" || typeof next === "boolean")
      text += String(next);
  }
  return text;
}

function pushReversed(rest: unknown[], list: readonly unknown[]): void {
  rest.push("]");
  for (let index = list.length - 1; index >= 0; index -= 1)
    rest.push(list[index], ...(index > 0 ? [", "] : []));
  rest.push("[");
}
