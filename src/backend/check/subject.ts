import { CliError } from "../../errors/error.ts";
import type { Settings } from "../../settings/table.ts";
import { ATTEMPT_MS, type Endpoint, type Subject } from "./probe.ts";

/** Marks what a check makes in a backend that keeps it. */
const BOOKING = "shelfshack-check";

type SubjectSettings = Pick<Settings, "backendUrl" | "variables" | "token" | "type" | "booking">;

/**
 * Whom to ask, as whom: by the settings, then by the deployed function's environment, then as the contract
 * has it. Throws a CliError (exit 2) when no backend is known.
 */
export function subjectOf(
  settings: SubjectSettings,
  deployed: Readonly<Record<string, string>>,
  keys: readonly string[],
): Subject {
  const backendUrl = settings.backendUrl ?? deployed["BACKEND_URL"]?.replace(/\/+$/, "");
  if (!backendUrl || !URL.canParse(backendUrl)) {
    throw new CliError("no-backend-url", "no backend URL is set, and no function is deployed that has one", {
      hint: "pass --backend-url http://127.0.0.1:8000, or set SHELFSHACK_BACKEND_URL",
    });
  }
  const { REGISTER_PATH, MESSAGE_PATH, DISCONNECT_PATH, BACKEND_TIMEOUT_MS } = {
    ...deployed,
    ...settings.variables,
  };
  return {
    backendUrl,
    paths: {
      register: REGISTER_PATH || "/api/ws/register",
      message: MESSAGE_PATH || "/api/ws/message",
      disconnect: DISCONNECT_PATH || "/api/ws/disconnect",
    },
    keys,
    token: settings.token,
    type: settings.type,
    booking: settings.booking ?? BOOKING,
    attemptMs: attemptsOf(Number(BACKEND_TIMEOUT_MS)),
  };
}

/** The whole of an event has no more time than this, however long one attempt may take (CONTRACT.md 5). */
const BUDGETS_MS: Subject["attemptMs"] = { register: 8_000, message: 25_000, disconnect: 5_000 };

/** The handler's own limits, or what the function's BACKEND_TIMEOUT_MS makes of them. */
function attemptsOf(backendTimeoutMs: number): Subject["attemptMs"] {
  if (!(backendTimeoutMs >= 1)) return ATTEMPT_MS;
  const most = (endpoint: Endpoint) => Math.min(BUDGETS_MS[endpoint], backendTimeoutMs);
  return { register: most("register"), message: most("message"), disconnect: most("disconnect") };
}
