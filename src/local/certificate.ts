import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";

/** A certificate and its key, as PEM. */
export interface Certified {
  key: string;
  cert: string;
}

/** What the local AWS answers TLS with, and the authority that a client has to trust for it. */
export interface OwnCertificate extends Certified {
  authority: string;
}

/** How long they hold: as long as a local AWS runs, with clocks that are a day off. */
const DAYS = { before: 1, after: 365 };
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Types of ASN.1 (X.690). */
const tags = {
  boolean: 1,
  integer: 2,
  bits: 3,
  octets: 4,
  oid: 6,
  utf8: 12,
  time: 24,
  sequence: 48,
  set: 49,
};
/** Object identifiers, as their bytes. */
const oids = {
  commonName: "550403",
  ecdsaWithSha256: "2a8648ce3d040302",
  subjectKeyId: "551d0e",
  keyUsage: "551d0f",
  alternativeName: "551d11",
  constraints: "551d13",
  authorityKeyId: "551d23",
  extendedUsage: "551d25",
  serverAuth: "2b06010505070301",
};

/**
 * A new certificate for these names of DNS and addresses of IPv4 and IPv6, from an authority that signs
 * nothing else: its key is forgotten. Node makes keys and signatures, but no certificates.
 */
export function newCertificate(names: readonly string[], addresses: readonly Buffer[]): OwnCertificate {
  const [authority, own] = [newKeys(), newKeys()];
  const name = nameOf("authority of the local AWS");
  const cert = certificateOf({ name, issuer: name, keys: authority, signer: authority }, [
    extension(oids.constraints, sequence(boolean(true)), true),
    // It signs certificates, and nothing else.
    extension(oids.keyUsage, der(tags.bits, Buffer.from([2, 4])), true),
  ]);
  const alternatives = [
    ...names.map((one) => der(0x82, Buffer.from(one))),
    ...addresses.map((one) => der(0x87, one)),
  ];
  const leaf = certificateOf({ name: nameOf(names[0] ?? ""), issuer: name, keys: own, signer: authority }, [
    extension(oids.constraints, sequence(), true),
    // It signs handshakes.
    extension(oids.keyUsage, der(tags.bits, Buffer.from([7, 0x80])), true),
    extension(oids.extendedUsage, sequence(oid(oids.serverAuth))),
    extension(oids.alternativeName, sequence(...alternatives)),
  ]);
  const key = own.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { key, cert: pem(leaf), authority: pem(cert) };
}

type Keys = ReturnType<typeof newKeys>;
const newKeys = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

function certificateOf(
  { name, issuer, keys, signer }: { name: Buffer; issuer: Buffer; keys: Keys; signer: Keys },
  extensions: readonly Buffer[],
): Buffer {
  const algorithm = sequence(oid(oids.ecdsaWithSha256));
  const now = Date.now();
  const signed = sequence(
    // Version 3.
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    issuer,
    sequence(time(now - DAYS.before * DAY_MS), time(now + DAYS.after * DAY_MS)),
    name,
    infoOf(keys.publicKey),
    der(0xa3, sequence(...extensions, ...identifiers(keys, signer))),
  );
  const signature = sign("sha256", signed, signer.privateKey);
  return sequence(signed, algorithm, der(tags.bits, Buffer.from([0]), signature));
}

/** Which key this is, and which one signed it: some clients ask for both. */
const identifiers = (keys: Keys, signer: Keys): Buffer[] => [
  extension(oids.subjectKeyId, der(tags.octets, idOf(keys.publicKey))),
  extension(oids.authorityKeyId, sequence(der(0x80, idOf(signer.publicKey)))),
];

const infoOf = (key: KeyObject): Buffer => key.export({ type: "spki", format: "der" });
const idOf = (key: KeyObject): Buffer => createHash("sha1").update(infoOf(key)).digest();

const nameOf = (text: string): Buffer =>
  sequence(der(tags.set, sequence(oid(oids.commonName), der(tags.utf8, Buffer.from(text)))));

const extension = (id: string, content: Buffer, isCritical = false): Buffer =>
  sequence(oid(id), ...(isCritical ? [boolean(true)] : []), der(tags.octets, content));

const oid = (bytes: string): Buffer => der(tags.oid, Buffer.from(bytes, "hex"));
const boolean = (value: boolean): Buffer => der(tags.boolean, Buffer.from([value ? 0xff : 0]));
const integer = (bytes: Buffer): Buffer => der(tags.integer, bytes);
/** Such as `20261128150000Z`. */
const time = (ms: number): Buffer =>
  der(tags.time, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]|\..*/g, "")}Z`));

const sequence = (...parts: readonly Buffer[]): Buffer => der(tags.sequence, ...parts);

/** One value: its type, its length, its bytes. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >>> 8, length & 0xff]);
}

const pem = (certificate: Buffer): string => {
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
};
