import { changedBetween } from "../aws/function-content.ts";
import { command, isInvocation, type Advice, type Invocation } from "../errors/advice.ts";
import { namesFor, type OwnUnnamed } from "../aws/own-code.ts";

/**
 * An advice whose deploys name own code where they need it: those of everything, which would be refused, and
 * those that repair a fault (`cause`) of the code.
 */
export const namingOwn = (advice: Advice, own: OwnUnnamed, cause: string | null = null): Advice =>
  typeof advice === "string"
    ? advice
    : advice.map((part) =>
        isInvocation(part) && part.command === "deploy" && (isWhole(part) || isOfCode(cause))
          ? command("deploy", { ...part.options, ...namesFor(own) })
          : part,
      );

const isWhole = ({ options }: Invocation): boolean => options["only"] === undefined;
const isOfCode = (cause: string | null): boolean =>
  cause === "handler-not-loadable" || cause === "handler-not-exported";

/**
 * Whether own code, or what it is run by, was changed after what serves: without the code a deploy of the
 * function would serve that.
 */
export const isCodeChanged = (served: string, latest: string): boolean =>
  changedBetween(served, latest).some((name) => ofTheCode.includes(name));

const ofTheCode = ["code", "Handler", "Runtime", "Architectures"];
