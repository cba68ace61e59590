import type { Aws } from "../aws/clients.ts";
import type { Tags } from "../aws/tags.ts";
import type { Advice } from "../errors/advice.ts";
import type { Step } from "../settings/table.ts";

/**
 * What AWS gives a resource when it exists: ids, ARNs, addresses; always text, so that a placeholder can
 * stand for it before it exists.
 */
export type Attributes = Readonly<Record<string, string>>;

/** The resources whose attributes another one uses, by the name it uses for them. */
export interface Needs {
  readonly [name: string]: AnyResource;
}
type AttributesOfOne<R> = R extends LookedUp<infer _Properties, infer A, infer _Needs> ? A : never;
export type AttributesOf<N extends Needs> = { readonly [K in keyof N]: AttributesOfOne<N[K]> };

/** A resource as it is in AWS now. */
export interface Found<Properties, A extends Attributes> {
  attributes: A;
  /** Only what can be compared: the properties that the stack sets. */
  properties: Partial<Properties>;
  /** Absent where AWS keeps no tags: then it is ours because what it is within is. */
  tags?: Tags;
  /** Tags that decide nothing, as it is ours because what it is within is. */
  furtherTags?: Tags;
  /** Others own it: the stack uses it as it is, and nothing of it or within it is changed or deleted. */
  isForeign?: true;
  createdAt?: Date;
}

/** What a deploy can be limited to: a step of `--only`, or the code (`--code-only`). */
export type Part = Step | "code";

/** Which of several: all of them, or the one that counts. */
export type Which = "all" | "the one";

/** A resource that is looked up but never created; also what every resource has in common with one. */
export interface LookedUp<Properties extends object, A extends Attributes, N extends Needs = Needs> {
  /** Its name in plan, status and export. */
  readonly id: string;
  readonly type: `AWS::${string}`;
  /** Its name in AWS, or what people call it. */
  readonly name: string;
  /** What it is created with, where AWS keeps tags of it. */
  readonly tags?: Tags;
  /** The resources whose attributes `desired` uses: order and typed values in one declaration. */
  readonly needs: N;
  /**
   * What it lives inside: read only when that exists, deleted with it. Changes inside one parent go one after
   * another (AWS.md 8.5: concurrent ones conflict).
   */
  readonly within?: AnyResource;
  /**
   * How ours is found. A name is unique. Found by tags or by content there may be several, when two runs
   * start at the same moment (FAULTS.md R4): then the engine elects the one that stays.
   */
  readonly foundBy: "name" | "tags" | "content";
  /**
   * Ours, the oldest first where there are dates. By name: the one that has it, also when it is not ours.
   * Where the one that counts is `wanted`, the others may be left out as soon as that is known.
   */
  list(aws: Aws, within: Attributes, wanted?: Which): Promise<readonly Found<Properties, A>[]>;
  /**
   * Attributes that it probably has, known before it is found: what is within them is read meanwhile, and
   * counts where they turn out to be its own.
   */
  likely?(aws: Aws): Promise<Attributes | undefined>;
  /**
   * The same one once more, also when it is another's now; nothing where it is gone. Absent: what has
   * its name.
   */
  again?(aws: Aws, found: Found<Properties, A>): Promise<Found<Properties, A> | undefined>;
}

/** How one that was made by hand gets tags of ours, and loses them. */
export interface Adoption<Properties extends object, A extends Attributes> {
  /** Also without `--adopt`: nothing but the stack itself can have left it behind. */
  unasked?: true;
  /** Clients may be served by it: it changes only after what it served before is a release of the stack. */
  serves?: true;
  /** Why it cannot be adopted without harm to what others do with it, a line for each reason. */
  unfit?(aws: Aws, found: Found<Properties, A>): Promise<readonly string[]>;
  addTags(aws: Aws, found: Found<Properties, A>, tags: Tags): Promise<unknown>;
  removeTags(aws: Aws, found: Found<Properties, A>, names: string[]): Promise<unknown>;
  /** What stays as it is and what does not, in words that follow its name. */
  says(found: Found<Properties, A>, desired: Partial<Properties>): readonly string[];
  /** What is left in it when a stack lets go of it, in words that follow its name. */
  keeps: string;
}

/** How a resource is created, changed and deleted. */
interface Lifecycle<Properties extends object, A extends Attributes, N extends Needs = Needs> {
  /**
   * The step that creates it; or the parts that follow with it, any of which creates it; or the steps that
   * create or set it, each with the property paths that it covers, the one that creates it first.
   */
  readonly step: Step | readonly Part[] | Readonly<Partial<Record<Part, RegExp>>>;
  /**
   * It copies what it needs when it is created: so that has to be as it should be first, and of several the
   * newest counts.
   */
  readonly copies?: true;
  /**
   * What becomes of one that was made by hand. It is adopted; or it is the stack's as soon as what it is
   * within is; or it is known by a mark of its own, so that those of others are never taken for it; or it is
   * never the stack's.
   */
  readonly adoption: Adoption<Properties, A> | "as its parent" | "marked" | "never";
  /** False: it stays as it is, there or not, until the stack is deleted. Absent: every stack has it. */
  readonly isWanted?: boolean;
  /** It is of an earlier form of the stack: deleted where it is found. */
  readonly former?: true;
  /**
   * What a change or the deletion of it waits for, as clients are served by what it is until then. Its
   * creation does not.
   */
  readonly follows?: readonly AnyResource[];
  /** What we want; pure, interpolates attributes and never inspects them. What is left out stays as it is. */
  desired(needs: AttributesOf<N>): Partial<Properties>;
  /** What is not compared of the one that was found, by what it says of itself. */
  staysAsFound?(found: Found<Properties, A>): readonly string[];
  /** Comparisons other than equality, for example with a minimum; also of what is inside, by its path. */
  readonly same?: {
    readonly [K in keyof Properties]?: (found: Properties[K], desired: Properties[K]) => boolean;
  } & { readonly [path: `${string}.${string}`]: (found: unknown, desired: unknown) => boolean };
  /** What is asked for and left as it is, or left behind, in words; nothing where there is none of it. */
  leaves?(found: Found<Properties, A>, desired: Partial<Properties>): readonly string[];
  /**
   * Where its change leads from an older state of something that it needs to the present one: that older
   * state, with all that is compared, undefined where there was none.
   */
  leadsFrom?(found: Found<Properties, A>): { need: AnyResource; before: object } | undefined;
  /** What is wrong with it and not ours to repair: the deploy goes on with a warning. */
  faults?(found: Found<Properties, A>): readonly { message: string; hint: Advice }[];
  /**
   * Throws a CliError for what AWS would refuse of this, or what would not work: `target` as it is to be
   * written, in place of `found`, inside `within`. It may hold placeholders.
   */
  refuses?(target: Partial<Properties>, found: Found<Properties, A> | undefined, within?: AnyFound): void;
  /**
   * The paths that may hold secrets, with how their values are displayed; the longest that covers a path
   * counts.
   */
  readonly secret?: Readonly<Record<string, (value: string) => string>>;
  create(aws: Aws, desired: Properties, found?: Found<Properties, A>): Promise<A>;
  /** Whether it is in use already; asked only where there are several. */
  inUse?(aws: Aws, found: Found<Properties, A>): Promise<boolean>;
  /**
   * `changed` names the properties that differ; returns the attributes where an update changes any. After a
   * wait, `check` throws where it has become another's. Absent: it is replaced (`create`), as AWS has no call
   * to change it.
   */
  update?(
    aws: Aws,
    desired: Properties,
    found: Found<Properties, A>,
    changed: ReadonlySet<string>,
    check: () => Promise<void>,
  ): Promise<A | void>;
  /** The attributes after that update, as far as they are known before it; absent where they stay. */
  renewed?(target: Partial<Properties>, found: Found<Properties, A>): A;
  /** Takes tags off one that stays as its parent does, which was adopted. */
  removeTags?(aws: Aws, found: Found<Properties, A>, names: string[]): Promise<unknown>;
  /**
   * `destroy` leaves what is within something to its parent, so that it needs this only where the engine
   * elects one of several.
   */
  delete?(aws: Aws, found: Found<Properties, A>): Promise<void>;
}

/**
 * One AWS object: an object literal in one file of `src/resources`. The engine knows only this shape. Type
 * and property names are CloudFormation's. Models to follow: `integration.ts` for something inside the API,
 * `role.ts` for something with tags, `permission.ts` for something that only exists.
 */
export interface Resource<Properties extends object, A extends Attributes, N extends Needs = Needs>
  extends LookedUp<Properties, A, N>, Lifecycle<Properties, A, N> {}

/** Any resource, for code that treats all alike (the methods are bivariant on purpose). */
export interface AnyResource extends LookedUp<object, Attributes>, Partial<Lifecycle<object, Attributes>> {}
export type AnyFound = Found<object, Attributes>;

/** The one of a resource that counts. */
export interface Standing extends AnyFound {
  /** More of the same with our tags: a person decides, or `destroy` deletes all. */
  duplicates: readonly AnyFound[];
}

/** Stands for an attribute of something that does not exist yet. */
export const KNOWN_AFTER_DEPLOY = "(known after deploy)";

/** Stands for a secret that the resource makes itself on creation and that no later deploy changes. */
export const MADE_ON_FIRST_DEPLOY = "(made on first deploy)";

/** The attributes of something that does not exist yet: every one reads as `KNOWN_AFTER_DEPLOY`. */
export const unknownAttributes: Attributes = new Proxy({}, { get: () => KNOWN_AFTER_DEPLOY });

/** Computes a value from attributes; unknown as long as one of them is. */
export const derived = (values: readonly string[], compute: (values: readonly string[]) => string): string =>
  values.some((value) => value.includes(KNOWN_AFTER_DEPLOY)) ? KNOWN_AFTER_DEPLOY : compute(values);
