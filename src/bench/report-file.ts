import { CliError } from "../errors/error.ts";
import { explain } from "../errors/explain.ts";
import { firstBytes, replaceFile, requireWritable } from "../files/write.ts";
import type { Report } from "../progress.ts";
import { REPORT_BEGINS, benchPage } from "./page.ts";
import type { BenchResult } from "./result.ts";

/** Throws a CliError (exit 4) where something stands that no `bench` has written, or none can be written. */
export async function requireReport(file: string): Promise<void> {
  const begun = await firstBytes(file, REPORT_BEGINS.length);
  if (begun && begun.length > 0 && Buffer.from(begun).toString() !== REPORT_BEGINS)
    throw new CliError("file-kept", `${JSON.stringify(file)} is no report of bench, so it is kept`, {
      hint: "remove it, or name another file with --report",
    });
  await requireWritable(file);
}

/** Writes the page of a result; what was measured is told in any case. */
export async function withReport(result: BenchResult, file: string, report: Report): Promise<BenchResult> {
  try {
    await replaceFile(file, benchPage(result, new Date()));
    return { ...result, report: file };
  } catch (error) {
    const { message, hint } = explain(error);
    report({ kind: "warning", message: `the report was not written: ${message}`, ...(hint && { hint }) });
    return result;
  }
}
