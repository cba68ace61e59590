import { pathChecks } from "./backend/all-checks.ts";
import type { Check } from "./check.ts";
import { accepted } from "./checks/accepted.ts";
import { accessLog } from "./checks/access-log.ts";
import { account } from "./checks/account.ts";
import { api } from "./checks/api.ts";
import { backendPlace } from "./checks/backend-place.ts";
import { clock } from "./checks/clock.ts";
import { code } from "./checks/code.ts";
import { concurrency } from "./checks/concurrency.ts";
import { credentials } from "./checks/credentials.ts";
import { endpoint } from "./checks/endpoint.ts";
import { environment } from "./checks/environment.ts";
import { lambdaFunction } from "./checks/function.ts";
import { handler } from "./checks/handler.ts";
import { handshake } from "./checks/handshake.ts";
import { integration } from "./checks/integration.ts";
import { invocation } from "./checks/invocation.ts";
import { logRight } from "./checks/log-right.ts";
import { log } from "./checks/log.ts";
import { message } from "./checks/message.ts";
import { permission } from "./checks/permission.ts";
import { pushRight } from "./checks/push-right.ts";
import { push } from "./checks/push.ts";
import { reached } from "./checks/reached.ts";
import { release } from "./checks/release.ts";
import { role } from "./checks/role.ts";
import { routes } from "./checks/routes.ts";
import { settings } from "./checks/settings.ts";
import { stage } from "./checks/stage.ts";
import { taskRole } from "./checks/task-role.ts";
import { throttle } from "./checks/throttle.ts";

export { eachKey } from "./backend/signature-checks.ts";

/** Of the doctor: every hop, in the order in which a message travels. */
export const doctorChecks: readonly Check[] = [
  credentials,
  account,
  clock,
  api,
  stage,
  throttle,
  routes,
  integration,
  permission,
  lambdaFunction,
  release,
  concurrency,
  code,
  handler,
  settings,
  environment,
  endpoint,
  invocation,
  backendPlace,
  ...pathChecks,
  reached,
  accepted,
  role,
  pushRight,
  push,
  taskRole,
  log,
  logRight,
  accessLog,
  handshake,
  message,
];

/** Of `test`: how far a test event gets. */
export const testChecks: readonly Check[] = [invocation, reached, accepted];

/** Of the proof at the end of a deploy: the same, what the function sends, and a real WebSocket. */
export const proofChecks: readonly Check[] = [...testChecks, push, handshake, message];
