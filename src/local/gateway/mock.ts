import type { MockIntegration } from "./contract.ts";
import type { ProxyAnswer } from "./proxy-answer.ts";
import { evaluateSelection } from "./route-selection.ts";

/** The part of an event that templates and their selection read. */
interface Asked {
  requestContext: object;
  body?: string;
}

/**
 * What a MOCK integration answers (AWS.md 3.2): the request template makes the status, and the response of
 * that status makes the body. Undefined when no status comes out, which fails like a function that cannot be
 * called.
 */
export function mockAnswer(mock: MockIntegration, asked: Asked): ProxyAnswer | undefined {
  const { body = "" } = asked;
  const request = selected(mock.requestTemplates, mock.templateSelection, body);
  const statusCode = statusIn(request === undefined ? body : rendered(request, asked.requestContext));
  if (statusCode === undefined) return undefined;
  const response =
    mock.responses.find(({ key }) => matchesStatus(key, statusCode)) ??
    mock.responses.find(({ key }) => key === "$default");
  const template = response && selected(response.templates, response.templateSelection, "");
  return {
    statusCode,
    ...(template === undefined ? {} : { body: rendered(template, asked.requestContext) }),
  };
}

/** The template of the key that the expression selects, else that of `$default`. */
function selected(
  templates: Readonly<Record<string, string>>,
  expression: string,
  body: string,
): string | undefined {
  const key = evaluateSelection(expression, expression.includes("request.body") ? body : "{}") ?? "";
  return [key, "$default"].filter((name) => Object.hasOwn(templates, name)).map((name) => templates[name])[0];
}

const matchesStatus = (key: string, status: number): boolean => {
  const [, pattern] = /^\/(.+)\/$/.exec(key) ?? [];
  return pattern !== undefined && new RegExp(`^(?:${pattern})$`).test(String(status));
};

function statusIn(text: string): number | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const status = Number(Object(value).statusCode);
    return Number.isInteger(status) && status >= 100 && status <= 599 ? status : undefined;
  } catch {
    // A message that is no JSON can be anything; the caller reports that there is no status.
    return undefined;
  }
}

const variable = /\$(?:context((?:\.\w+)+)|\{context((?:\.\w+)+)\})/g;

/** A template with the values of its `$context` variables; one without a value is empty. */
const rendered = (template: string, context: object): string =>
  template.replaceAll(variable, (_, bare?: string, braced?: string) =>
    valueAt(context, bare ?? braced ?? ""),
  );

function valueAt(context: object, path: string): string {
  const found = path
    .slice(1)
    .split(".")
    .reduce<unknown>(
      (at, name) =>
        typeof at === "object" && at !== null && Object.hasOwn(at, name)
          ? (at as Record<string, unknown>)[name]
          : undefined,
      context,
    );
  return typeof found === "string" || typeof found === "number" ? String(found) : "";
}

/** Whether a template has nothing but text and `$context` variables: VTL's other words are not emulated. */
export const isPlainTemplate = (template: string): boolean =>
  !/\$!?\{?[a-z]|#[a-z#*{[@]/i.test(template.replaceAll(variable, ""));
