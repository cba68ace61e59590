import type { Host } from "../host.ts";
import type { Authorization } from "./access.ts";
import { declaredMembers } from "../wire/members.ts";
import type { Protocol } from "../wire/protocol.ts";
import { shapesOf, type OperationShape, type ServiceShapes } from "../wire/schema.ts";
import { validate, type Constraints } from "../wire/validation.ts";
import { isMutating, type At, type Operation } from "./operations.ts";
import type { SavedService, SavedState } from "./state.ts";

/** What stands between a request and its operation. */
export type Guard = (
  call: { mutating: boolean; input: Record<string, unknown>; at: At },
  run: () => Promise<object | void>,
) => Promise<object | void>;

interface Description<State, Needs, Parts, Port> {
  /** The name that its requests are signed for (AWS.md 8.1). */
  name: string;
  /** The module of the SDK's client; its shapes are read, the client itself is not used. */
  sdk: object;
  protocol(shapes: ServiceShapes): Protocol;
  /** The name of the error for an input that breaks the model (AWS.md 4.4, 6.3, 7.1). */
  invalidInput: string;
  constraints: Constraints;
  /** The services whose ports it uses. */
  needs: Needs;
  state: (saved: SavedService) => State;
  operations: readonly Operation<Parts>[];
  /** Makes what its operations work with, and what it lends to others. */
  open(given: { host: Host; state: State } & PortsOf<Needs>): {
    parts: Parts;
    port: Port;
    guard?: Guard;
    authorization: Authorization;
  };
}

type Needs = Readonly<Record<string, Service>>;
type PortsOf<Given> = { [Word in keyof Given]: Given[Word] extends Service<infer Port> ? Port : never };

/** A service that can be opened, typed by what it lends to others. */
export interface Service<Port = unknown> {
  name: string;
  sdk: object;
  constraints: Constraints;
  operations: readonly Pick<Operation, "name" | "members">[];
  open(host: Host, saved: SavedService, portOf: PortOf): OpenService<Port>;
}

/** What a service lends; it is opened when it was not. */
export type PortOf = <Port>(service: Service<Port>) => Port;

/** Checks the input of one operation and runs it. Throws an AwsError. */
export type Perform = (
  shape: OperationShape,
  input: Record<string, unknown>,
  at: At,
) => Promise<object | void>;

/** A service that answers calls. */
export interface OpenService<Port = unknown> {
  protocol: Protocol;
  port: Port;
  authorization: Authorization;
  /** By name; what is not in here is not emulated. */
  operations: ReadonlyMap<string, Perform>;
}

/** A service of AWS: its name, how it speaks, what it keeps, what it can do and what it lends. */
export function service<State, const Given extends Needs, Parts, Port>(
  description: Description<State, Given, Parts, Port>,
): Service<Port> {
  const { name, sdk, operations, needs, constraints, invalidInput } = description;
  let shapes: ServiceShapes | undefined;
  return {
    name,
    sdk,
    constraints,
    operations,
    open(host, saved, portOf) {
      const ports = Object.fromEntries(
        Object.entries(needs).map(([word, needed]) => [word, portOf(needed)]),
      ) as PortsOf<Given>;
      const state = description.state(saved);
      const { parts, port, authorization, guard = unguarded } = description.open({ host, state, ...ports });
      const perform =
        ({ members, run }: Operation<Parts>): Perform =>
        async (shape, given, at) => {
          validate(shape, given, { constraints, errorName: invalidInput });
          const input = declaredMembers(shape, members, given);
          return await guard({ mutating: isMutating(shape.name), input, at }, async () =>
            run(input as never, { ...parts, ...at }),
          );
        };
      return {
        protocol: description.protocol((shapes ??= shapesOf(sdk))),
        port,
        authorization,
        operations: new Map(operations.map((operation) => [operation.name, perform(operation)])),
      };
    },
  };
}

const unguarded: Guard = (_call, run) => run();

/** All services of one local AWS. */
export interface OpenServices {
  /** By the name that requests are signed for. */
  find(name: string): OpenService | undefined;
  portOf: PortOf;
}

/** Opens services with what each has kept, those first that others need. */
export function openServices(
  services: readonly Service[],
  { host, saved }: { host: Host; saved: SavedState },
): OpenServices {
  const opened = new Map<Service, OpenService>();
  const open = <Port>(each: Service<Port>): OpenService<Port> => {
    const found = opened.get(each) as OpenService<Port> | undefined;
    if (found) return found;
    const kept: SavedService = saved.get(each.name) ?? new Map();
    saved.set(each.name, kept);
    const made = each.open(host, kept, (needed) => open(needed).port);
    opened.set(each, made);
    return made;
  };
  const byName = new Map(services.map((each) => [each.name, open(each)]));
  return { find: (name) => byName.get(name), portOf: (each) => open(each).port };
}
