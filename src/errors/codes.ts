/** The exit codes that the command line promises; nothing else is ever returned. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  different: 3,
  refused: 4,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * Every error of this program, with the exit code that it ends with: one fault, one exit code. The codes are
 * a promise (they stand in `--json`); the texts are not.
 */
export const errorCodes = {
  // AWS
  "credentials-expired": 1,
  "sso-failed": 1,
  "login-failed": 1,
  "credential-process-failed": 1,
  "web-identity-failed": 1,
  "mfa-refused": 1,
  "role-not-assumed": 1,
  "clock-wrong": 1,
  "access-key-unknown": 1,
  "signature-refused": 1,
  "denied-explicitly": 1,
  denied: 1,
  throttled: 1,
  "aws-unavailable": 1,
  "aws-refused": 1,
  "changed-meanwhile": 1,
  "connection-gone": 1,
  "not-an-aws-answer": 1,
  "proxy-login-needed": 1,
  "proxy-refused": 1,
  // the network
  "local-aws-not-running": 1,
  "local-aws-refused": 1,
  "local-aws-of-another": 1,
  "connection-refused": 1,
  "host-not-found": 1,
  "name-server-failed": 1,
  unreachable: 1,
  "connection-reset": 1,
  "timed-out": 1,
  "tls-failed": 1,
  "certificate-invalid": 1,
  "not-websocket": 1,
  "subprotocol-refused": 1,
  redirected: 1,
  "not-http": 1,
  // a refused handshake, by its status
  "handshake-400": 1,
  "handshake-401": 1,
  "handshake-401-no-token": 1,
  "handshake-403": 1,
  "handshake-404": 1,
  "handshake-409": 1,
  "handshake-429": 1,
  "handshake-500": 1,
  "handshake-502": 1,
  "handshake-503": 1,
  "handshake-504": 1,
  "handshake-other": 1,
  // the stack
  "not-deployed": 1,
  "amplify-missing": 1,
  "step-needs-missing": 1,
  "step-needs-drifted": 1,
  "function-broken": 1,
  "function-still-changing": 1,
  "variables-unreadable": 1,
  "tags-unreadable": 1,
  "deployment-failed": 1,
  "backend-unusable": 1,
  "api-endpoint-invalid": 1,
  "resource-missing": 1,
  // others
  "no-signing-key": 1,
  "keys-changed-meanwhile": 1,
  "runtime-not-started": 1,
  "pip-failed": 1,
  "fastapi-not-started": 1,
  "delivery-missing": 1,
  "nothing-measured": 1,
  "machine-exhausted": 1,
  // where this program keeps what has no place that a person named
  "own-place-unusable": 1,
  "state-unsaved": 1,
  "value-unprintable": 1,
  "export-impossible": 1,
  bug: 1,
  // wrong usage or configuration
  "command-unknown": 2,
  "command-missing": 2,
  "option-unknown": 2,
  "value-missing": 2,
  "argument-unexpected": 2,
  "value-invalid": 2,
  "options-contradict": 2,
  "config-unreadable": 2,
  "config-untrusted": 2,
  "config-invalid": 2,
  "config-key-unknown": 2,
  "config-key-forbidden": 2,
  "environment-unknown": 2,
  "no-credentials": 2,
  "profile-missing": 2,
  "profile-source-missing": 2,
  "profile-circular": 2,
  "profile-incomplete": 2,
  "mfa-needed": 2,
  "no-region": 2,
  "no-backend-url": 2,
  "tags-too-many": 2,
  "variables-too-large": 2,
  "variable-needed": 2,
  "handler-missing": 2,
  "handler-not-loadable": 2,
  "source-unusable": 2,
  "zip-invalid": 2,
  "zip-too-large": 2,
  "bundler-missing": 2,
  "bundler-untrusted": 2,
  "bundle-failed": 2,
  "requirements-invalid": 2,
  "pip-missing": 2,
  "wheel-missing": 2,
  "port-in-use": 2,
  "port-unusable": 2,
  "address-unusable": 2,
  "state-in-use": 2,
  "state-unreadable": 2,
  "state-untrusted": 2,
  "confirmation-needed": 2,
  "token-missing": 2,
  "url-invalid": 2,
  "expectation-invalid": 2,
  "expectation-slow": 2,
  "event-invalid": 2,
  "script-invalid": 2,
  "signing-keys-invalid": 2,
  "file-not-python": 2,
  // a file or folder that is named, by an option or a setting, is one that can be used
  "file-unusable": 2,
  // not proven, and nothing was done
  "backend-unproven": 3,
  // refused
  "not-ours": 4,
  "several-of-ours": 4,
  "several-candidates": 4,
  "unfit-to-adopt": 4,
  "adoption-begun": 4,
  "another-deploy-running": 4,
  "api-ambiguous": 4,
  "account-other": 4,
  "role-unfit": 4,
  "role-elsewhere": 4,
  "region-other": 4,
  "plain-http": 4,
  "name-mismatch": 4,
  "file-kept": 4,
  "load-refused": 4,
  "rotation-unfinished": 4,
  "rolled-back": 4,
  "release-moved": 4,
  "release-missing": 2,
  "new-key-refused": 4,
  "own-code-replaced": 4,
  // ended early
  interrupted: 130,
  "output-closed": 130,
  "no-answer": 130,
} as const satisfies Record<string, ExitCode>;

/**
 * Why a conversation of `connect` was over, as its JSON says: everything expected came, the time limit
 * passed, nothing came any more, the peer closed, it sent a frame that is none or too large, there was
 * nothing more to send, or Ctrl-C. A promise as well.
 */
export type Ending =
  | "met"
  | "timed-out"
  | "quiet"
  | "peer-closed"
  | "frame-broken"
  | "input-ended"
  | "interrupted";

export type ErrorCode = keyof typeof errorCodes;
