import { descriptionOf, environmentName, settingNames, settingTable } from "./table.ts";
import type { JsonSchema } from "./value-types.ts";

/** The key below which a config file has its environments. */
export const ENVIRONMENTS = "environments";

/**
 * The JSON schema of the config file, for editors. It has what each setting's type says of it; the program
 * itself is stricter.
 */
export function configSchema(): JsonSchema & { $schema: string; title: string } {
  const settings = keyedSchemas();
  const { env: _env, ...ofEnvironments } = settings;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "shelfshack-ws.config.json",
    type: "object",
    additionalProperties: false,
    properties: {
      $schema: { type: "string", description: "this schema, for editors" },
      ...settings,
      [ENVIRONMENTS]: {
        type: "object",
        description: "environments by name: their settings win over those beside this key",
        propertyNames: environmentName.jsonSchema,
        additionalProperties: { type: "object", additionalProperties: false, properties: ofEnvironments },
      },
    },
  };
}

const keyedSchemas = (): Readonly<Record<string, JsonSchema>> =>
  Object.fromEntries(
    settingNames.flatMap((name) => {
      const setting = settingTable[name];
      if (setting.key === undefined) return [];
      const { default: fallback, secret } = setting;
      const known = fallback === undefined || secret ? {} : { default: fallback };
      return [[setting.key, { ...setting.type.jsonSchema, description: descriptionOf(name), ...known }]];
    }),
  );
