import { given } from "../aws/answers.ts";
import { actionNamed } from "../cli/action.ts";
import { codeToCompare } from "../code/code.ts";
import type { Command } from "../cli/command.ts";
import { nothing, typing } from "../cli/next.ts";
import { command as invocation } from "../errors/advice.ts";
import { cloudFormationOf } from "../export/cloudformation.ts";
import { exportedOf, lacksAccountSetting, type Exported } from "../export/model.ts";
import { terraformOf } from "../export/terraform.ts";
import { placeOf, type Place } from "../stack/deploy.ts";
import { observe } from "../stack/engine.ts";
import { placeText } from "../terminal/changes.ts";

const formats = ["terraform", "cloudformation"] as const;
type Format = (typeof formats)[number];

/** A stack in the words of another tool. */
interface Written {
  text: string;
  /** Addresses with the ids of what is there; none for CloudFormation. */
  imports?: readonly { to: string; id: string }[];
  /** What has to be given a value: everything that may be secret. */
  variables: readonly string[];
}

interface ExportResult extends Place, Required<Written> {
  format: Format;
  /** The resources that are not deployed: they have no id to import. */
  missing: string[];
}

const writers: Readonly<Record<Format, (all: readonly Exported[], place: Place) => Written>> = {
  terraform: terraformOf,
  cloudformation: (all) => {
    const { text, parameters } = cloudFormationOf(all);
    return { text, variables: parameters };
  },
};

export const command: Command<"export", ExportResult> = {
  async run(options, context) {
    const format = actionNamed("export", context.args[0] ?? "", formats);
    const open = await context.stack(options, await codeToCompare(options, context));
    const observed = await observe(open.stack, open.run.aws);
    const place = placeOf(open, observed);
    const all = exportedOf(open.stack, observed);
    const { text, imports = [], variables } = writers[format](all, place);
    const missing = all.filter(({ found }) => !found).map(({ resource }) => resource.id);
    const hint = place.managedBy === null ? "deploy first, and export again" : undefined;
    for (const message of warningsOf(all, missing))
      context.report({ kind: "warning", message, ...given({ hint }) });
    if (lacksAccountSetting(open.stack, observed)) context.report(noLogRole);
    if (place.managedBy !== null) context.report({ kind: "note", message: placeText(place) });
    return { format, ...place, missing, imports: [...imports], variables: [...variables], text };
  },

  verbatim: true,
  render: ({ text }) => text,
  next: ({ format }) =>
    format === "terraform"
      ? typing(invocation("package", { out: "websocket_proxy.zip" }), "to write the code that it names")
      : nothing("CloudFormation's own commands make a stack of it"),
};

/** Each format leaves the account's settings where they are, and AWS then refuses the stage's log. */
const noLogRole = {
  kind: "warning",
  message:
    "API Gateway has no role for logs in this account and region yet: AWS refuses the access log. The role " +
    "is the account's, and is not exported",
  hint:
    "a deploy with access logs sets one; by hand: aws apigateway update-account, " +
    "or aws_api_gateway_account in Terraform",
} as const;

/** What makes the export no picture of what is deployed. */
function warningsOf(all: readonly Exported[], missing: readonly string[]): string[] {
  const drifted = all.filter(({ isDrifted }) => isDrifted).map(({ resource }) => resource.id);
  const isPartial = missing.length > 0 && missing.length < all.length;
  return [
    ...(isPartial ? [`not deployed, so without an id: ${missing.join(", ")}`] : []),
    ...(drifted.length > 0 ? [`deployed otherwise than exported: ${drifted.join(", ")}`] : []),
  ];
}
