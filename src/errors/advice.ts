import type { CommandName, OptionsOf } from "../settings/commands.ts";

/** A command of ours with the options and arguments that it is to be called with. */
export interface Invocation {
  command: CommandName;
  args: readonly string[];
  options: Readonly<Record<string, unknown>>;
}

/** What to do now, in parts: text, and commands that are printed with what leads to this run's stack. */
export type Advice = readonly (string | Invocation)[];

/** A setting's value as a person writes it: free text and numbers also as a placeholder such as `"URL"`. */
type WrittenValue<V> = V extends boolean | readonly unknown[] ? V : V extends number ? V | string : V;

/** The options of a command as a person writes them; every one may be left out. */
export type Written<C extends CommandName> = {
  readonly [N in keyof OptionsOf<C>]?: WrittenValue<Exclude<OptionsOf<C>[N], undefined>>;
};

/** Names a command in an advice: `command("deploy", { only: ["role"] })`. */
export const command = <C extends CommandName>(
  name: C,
  options: Written<C> = {},
  ...args: string[]
): Invocation => ({ command: name, args, options });
