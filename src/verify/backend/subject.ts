import { ATTEMPT_MS, BUDGET_MS, defaultPaths, type Endpoint } from "../../contract/envelope.ts";
import { CliError } from "../../errors/error.ts";
import type { Settings } from "../../settings/table.ts";
import type { Subject } from "./probe.ts";

/** Marks what a check creates in a backend that stores it. */
const BOOKING = "shelfshack-check";

type SubjectSettings = Pick<Settings, "backendUrl" | "variables" | "token" | "type" | "booking">;

/**
 * The backend to check, and as which client: from the settings, then the deployed function's environment,
 * then the contract's defaults. Throws a CliError (exit 2) when no backend is known.
 */
export function subjectOf(
  settings: SubjectSettings,
  deployed: Readonly<Record<string, string>>,
  keys: readonly string[],
): Subject {
  const backendUrl = settings.backendUrl ?? deployed["BACKEND_URL"]?.replace(/\/+$/, "");
  if (!backendUrl || !URL.canParse(backendUrl)) {
    throw new CliError("no-backend-url", "no backend URL is set, and no deployed function has one", {
      hint: "pass --backend-url http://127.0.0.1:8000, or set SHELFSHACK_BACKEND_URL",
    });
  }
  const { REGISTER_PATH, MESSAGE_PATH, DISCONNECT_PATH, BACKEND_TIMEOUT_MS } = {
    ...deployed,
    ...settings.variables,
  };
  return {
    backendUrl,
    isOfFunction: settings.backendUrl === undefined,
    paths: {
      register: REGISTER_PATH || defaultPaths.register,
      message: MESSAGE_PATH || defaultPaths.message,
      disconnect: DISCONNECT_PATH || defaultPaths.disconnect,
    },
    keys,
    token: settings.token,
    type: settings.type,
    booking: settings.booking ?? BOOKING,
    attemptMs: attemptsOf(Number(BACKEND_TIMEOUT_MS)),
  };
}

/** The handler's own limits, or what the function's BACKEND_TIMEOUT_MS makes of them. */
function attemptsOf(backendTimeoutMs: number): Subject["attemptMs"] {
  if (!(backendTimeoutMs >= 1)) return ATTEMPT_MS;
  const most = (endpoint: Endpoint) => Math.min(BUDGET_MS[endpoint], backendTimeoutMs);
  return { register: most("register"), message: most("message"), disconnect: most("disconnect") };
}
