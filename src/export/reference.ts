import { randomUUID } from "node:crypto";

/** An attribute of another resource, by that one's id: `Api`, `ApiId`. */
export interface Reference {
  id: string;
  attribute: string;
}

/** Begins and ends a reference in a text; no value can have what is made anew in each run. */
const [START, END] = [`\u{F0000}${randomUUID()}:`, "\u{F0001}"];
const references = new RegExp(`${START}([^${END}]*)${END}`, "u");

/** The text that stands for an attribute while what is desired is put together. */
const written = ({ id, attribute }: Reference): string => `${START}${id}.${attribute}${END}`;

/** Attributes that read as references to those of a resource. */
export const attributesAsReferences = (id: string): Readonly<Record<string, string>> =>
  new Proxy({}, { get: (_none, attribute) => written({ id, attribute: String(attribute) }) });

export const isReferring = (text: string): boolean => text.includes(START);

/** A text in its parts. */
export function partsOf(text: string): (string | Reference)[] {
  return text
    .split(references)
    .map((part, index) => {
      const [id = "", attribute = ""] = part.split(".");
      return index % 2 === 0 ? part : { id, attribute };
    })
    .filter((part) => part !== "");
}

/** The ids of all that a value refers to. */
export function referredIn(value: unknown): string[] {
  if (typeof value === "string")
    return partsOf(value).flatMap((part) => (typeof part === "string" ? [] : [part.id]));
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(referredIn) : [];
}
