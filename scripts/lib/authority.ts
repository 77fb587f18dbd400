/**
 * Owns the local certificate authority behind `npm start -- --lan`: made on first run, kept outside the repository, and
 * used for one thing, the certificate of this machine's LAN addresses. Knows nothing of servers.
 */
import './reflect-metadata.ts';
import type { webcrypto } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface LanCertificate {
  /** PEM, PKCS #8. */
  key: string;
  /** PEM, the leaf alone: whoever trusts it has the authority's certificate. */
  certificate: string;
  /** PEM, for people to install on their devices. */
  authority: string;
}

interface KeyAndCertificate {
  keys: webcrypto.CryptoKeyPair;
  keyPem: string;
  certificate: X509Certificate;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const AUTHORITY_LIFE_MS = 3650 * DAY_MS;
/** Some clients refuse leaf certificates that live longer than 398 days. */
const LEAF_LIFE_MS = 390 * DAY_MS;
const RENEW_BEFORE_MS = 30 * DAY_MS;

/** Where the authority is kept: `$XDG_DATA_HOME/parley` or `~/.local/share/parley`. */
export function authorityFolder(env: NodeJS.ProcessEnv = process.env): string {
  const data = env.XDG_DATA_HOME;
  return join(data?.startsWith('/') ? data : join(homedir(), '.local', 'share'), 'parley');
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Replaces the file at once, so that a reader never sees half of it. */
function writeText(path: string, text: string, mode: number): void {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text, { mode });
  renameSync(fresh, path);
}

async function importPair(keyPem: string, certificate: X509Certificate): Promise<webcrypto.CryptoKeyPair> {
  const pkcs8 = PemConverter.decodeFirst(keyPem);
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign']);
  const publicKey = await certificate.publicKey.export(ALGORITHM, ['verify']);
  return { privateKey, publicKey };
}

async function load(folder: string, name: string): Promise<KeyAndCertificate | null> {
  const keyPem = readText(join(folder, `${name}.key`));
  const certificatePem = readText(join(folder, `${name}.crt`));
  if (keyPem === null || certificatePem === null) return null;
  try {
    const certificate = new X509Certificate(certificatePem);
    if (certificate.notAfter.getTime() - Date.now() < RENEW_BEFORE_MS) return null;
    return { keys: await importPair(keyPem, certificate), keyPem, certificate };
  } catch {
    // A damaged file is as good as none.
    return null;
  }
}

function save(folder: string, name: string, pair: KeyAndCertificate): void {
  writeText(join(folder, `${name}.key`), pair.keyPem, 0o600);
  writeText(join(folder, `${name}.crt`), `${pair.certificate.toString('pem')}\n`, 0o644);
}

async function newKeys(): Promise<{ keys: webcrypto.CryptoKeyPair; keyPem: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { keys, keyPem: `${PemConverter.encode(pkcs8, PemConverter.PrivateKeyTag)}\n` };
}

function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  // Positive and never empty, as RFC 5280 s4.1.2.2 wants it.
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

async function makeAuthority(): Promise<KeyAndCertificate> {
  const { keys, keyPem } = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Parley local authority',
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + AUTHORITY_LIFE_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { keys, keyPem, certificate };
}

async function makeLeaf(authority: KeyAndCertificate, addresses: string[]): Promise<KeyAndCertificate> {
  const { keys, keyPem } = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=Parley on this network',
    issuer: authority.certificate.subject,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + LEAF_LIFE_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
    ],
  });
  return { keys, keyPem, certificate };
}

async function leafServes(leaf: KeyAndCertificate, authority: KeyAndCertificate, addresses: string[]) {
  const names = leaf.certificate.getExtension(SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const covered = new Set(names.filter(({ type }) => type === 'ip').map(({ value }) => value));
  const same = covered.size === addresses.length && addresses.every((address) => covered.has(address));
  return same && (await leaf.certificate.verify({ publicKey: authority.keys.publicKey }));
}

/** The certificate for localhost and these IPv4 addresses; authority and leaf are made or renewed where the folder
 * has none that serve. Private keys are readable by their owner alone. */
export async function lanCertificate(folder: string, lanAddresses: string[]): Promise<LanCertificate> {
  cryptoProvider.set(crypto);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const addresses = [...new Set(['127.0.0.1', ...lanAddresses])];
  let authority = await load(folder, 'authority');
  if (authority === null) {
    authority = await makeAuthority();
    save(folder, 'authority', authority);
  }
  let leaf = await load(folder, 'leaf');
  if (leaf === null || !(await leafServes(leaf, authority, addresses))) {
    leaf = await makeLeaf(authority, addresses);
    save(folder, 'leaf', leaf);
  }
  return {
    key: leaf.keyPem,
    certificate: `${leaf.certificate.toString('pem')}\n`,
    authority: `${authority.certificate.toString('pem')}\n`,
  };
}
