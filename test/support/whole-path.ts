import { packageHandler } from "../../src/artifact/zip.ts";
import { newSigningKey } from "../../src/contract/signature.ts";
import type { StackConfig } from "../../src/resources/stack.ts";
import { startUvicorn } from "./uvicorn.ts";
import { openLocalAws } from "./local-aws.ts";
import { openTestStack } from "./stack.ts";

/** Which application is the backend: `module` of `folder`, with these variables besides its signing key. */
export interface Application {
  folder: string;
  module: string;
  env?: Record<string, string>;
}

/**
 * The whole path: FastAPI under uvicorn, the shipped handler deployed to a local AWS, and where clients
 * connect.
 */
export async function wholePath(
  { folder, module, env = {} }: Application,
  overrides: Partial<StackConfig> = {},
) {
  const key = newSigningKey();
  const backend = await startUvicorn(folder, module, { SIGNING_KEYS: key, ...env });
  const local = await openLocalAws();
  const { zip, sha256 } = await packageHandler();
  const variables = { SIGNING_KEYS: key, ...overrides.variables };
  const stack = await openTestStack(local.url, {
    zip,
    zipSha256: sha256,
    backendUrl: backend.url,
    ...overrides,
    variables,
  });
  const changes = await stack.deploy();
  const url = `${changes.find(({ resource }) => resource === stack.stack.api)?.attributes.ApiEndpoint}/dev`;
  return { backend, local, stack, url };
}
