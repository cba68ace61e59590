/**
 * A refusal as AWS words it; each wire protocol writes it in its own form.
 *
 * `name` is the modelled name (`NoSuchEntityException`) or, for what is not modelled, the code on the wire
 * (`ValidationError`). Status and spelling of the members come from the service's model; `status` is for
 * errors that are not modelled (400 otherwise).
 */
export class AwsError extends Error {
  override readonly name: string;
  readonly status: number | undefined;
  /** Further members of the modelled error, such as `Reason`. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    name: string,
    message: string,
    { status, members = {} }: { status?: number; members?: Record<string, unknown> } = {},
  ) {
    super(message);
    this.name = name;
    this.status = status;
    this.members = members;
  }
}

/** What the local AWS does not do: a clear answer instead of a wrong one. The SDK does not retry a 501. */
export const notEmulated = (what: string): AwsError =>
  new AwsError("NotImplementedException", `${what} is not emulated by the local AWS`, { status: 501 });
