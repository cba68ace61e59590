import { parseSigningKeys } from "../../contract/signature.ts";
import { command } from "../../errors/advice.ts";
import { redactUrl } from "../../settings/redact.ts";
import { byHand, check, deploying, failed, passed, warning, type Verdict } from "../check.ts";

type Variables = Readonly<Record<string, string>>;

const NO_CLIENT = "no client can connect: the handler answers every handshake with 502";
const setBackend = byHand(["run: ", command("env", {}, "set", "BACKEND_URL=https://api.example.com")]);
const keysLost = "requests are not signed: a backend that checks the signature refuses all of them";

interface Row {
  when(variables: Variables): boolean;
  verdict(variables: Variables): Verdict;
}

/** An address that every handler's SDK takes for AWS. */
const overridden: Row = {
  when: (variables) => overridesIn(variables).length > 0,
  verdict: (variables) =>
    failed(
      "aws-endpoint-overridden",
      `${overridesIn(variables).join(", ")} is set`,
      "the function's own calls to AWS go to that address: frames that follow a handshake get lost",
      byHand(["run: ", command("env", {}, "unset", ...overridesIn(variables))]),
    ),
};

/** By what is wrong; the first row that fits. */
const rows: readonly Row[] = [
  {
    when: ({ BACKEND_URL }) => !BACKEND_URL,
    verdict: () => failed("backend-url-missing", "BACKEND_URL is not set", NO_CLIENT, setBackend),
  },
  {
    when: ({ BACKEND_URL = "" }) => !isBackendUrl(BACKEND_URL),
    verdict: () =>
      failed("backend-url-invalid", "BACKEND_URL is no http or https address", NO_CLIENT, setBackend),
  },
  overridden,
  {
    when: ({ SIGNING_KEYS }) => !SIGNING_KEYS,
    verdict: () => warning("signing-keys-missing", "SIGNING_KEYS is not set", keysLost, deploying("env")),
  },
  {
    when: ({ SIGNING_KEYS = "" }) => parseSigningKeys(SIGNING_KEYS) === undefined,
    verdict: () =>
      failed("signing-keys-invalid", "SIGNING_KEYS holds no signing keys", NO_CLIENT, deploying("env")),
  },
];

/** Whether the function's variables are what the handler needs (CONTRACT.md 7). */
export const environment = check({
  id: "environment",
  hop: "function",
  title: "its variables are complete",
  needs: ["lambda", "owner"],
  judge({ lambda: { Environment }, owner }) {
    const own = owner === "own";
    const variables = Environment?.Variables ?? {};
    if (Environment?.Error)
      return warning(
        "variables-unreadable",
        Environment.Error.Message ?? "Lambda does not show the variables",
        "what follows from them is not known",
        byHand("give kms:Decrypt to the caller"),
      );
    // What another handler needs of them is its own.
    const row = (own ? [overridden] : rows).find(({ when }) => when(variables));
    const names = Object.keys(variables);
    if (own && !row) return passed(`${names.length} variables; which your handler needs is not known`);
    return (
      row?.verdict(variables) ??
      passed(`BACKEND_URL ${redactUrl(variables["BACKEND_URL"] ?? "")}, ${names.length} in all`)
    );
  },
});

function isBackendUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, search } = new URL(value);
  return /^https?:$/.test(protocol) && username === "" && search === "";
}

/** An emulator's address, which production keeps calling where it was left in. */
const overridesIn = (variables: Variables): string[] =>
  Object.keys(variables).filter((name) => /^AWS_ENDPOINT_URL(_\w+)?$/.test(name));
