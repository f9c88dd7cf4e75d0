/**
 * A certificate that a server makes for itself, so that TLS can be tried at once. It proves nothing to strangers: mail servers take it, for
 * opportunistic TLS asks for no proof (RFC 7435), and a TLSA record 3 1 1 makes a proof of it, for its key stays when it is renewed.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** Where it is kept, and for whom it is. */
export interface SelfSignedPlace {
  /** Absolute; made when it is not there. */
  readonly folder: string
  /** Host name of the server. */
  readonly name: string
}

const DAY_MS = 86_400_000
/** A certificate holds for a year, and is made anew a month before its end. */
const LIFE_DAYS = 365
const EARLY_DAYS = 30
/** By this name a certificate of ours is told from an operator's. */
const MAKER = 'Postroad self-signed'

/**
 * The file with key and certificate, both in one, so that the two can never be of different times. Made when it is not there, and made anew
 * with the same key when it ends soon. What stands there and is not of ours is left as it is.
 *
 * @param now milliseconds since the epoch
 * @throws when the folder cannot be written
 */
export async function selfSignedFile(place: SelfSignedPlace, now = Date.now()): Promise<string> {
  const { folder, name } = place
  const file = selfSignedPath(place)
  const there = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (there !== undefined && !isDue(there, name, now)) return file
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const fresh = `${file}.${randomBytes(6).toString('hex')}`
  try {
    const key = there === undefined ? undefined : createPrivateKey(there)
    await writeFile(fresh, makeSelfSigned(name, { now, key }), { mode: 0o600, flag: 'wx', flush: true })
    if (there !== undefined) await rename(fresh, file)
    else
      await link(fresh, file).catch((error: NodeJS.ErrnoException) => {
        // Another process was quicker: one certificate is enough.
        if (error.code !== 'EEXIST') throw error
      })
  } finally {
    await rm(fresh, { force: true })
  }
  return file
}

/** Where {@link selfSignedFile} keeps it. */
export function selfSignedPath({ folder, name }: SelfSignedPlace): string {
  return path.join(folder, `${name.toLowerCase().replace(/[^a-z0-9.-]/g, '_')}.pem`)
}

/** Ours, and it ends soon, or is for another name. */
function isDue(pem: string, name: string, now: number): boolean {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pem)
  } catch {
    return false // an operator's, and damaged: who loads it says so
  }
  const { subject, issuer, validTo } = certificate
  if (subject !== issuer || !subject.split('\n').includes(`O=${MAKER}`)) return false
  return Date.parse(validTo) - now < EARLY_DAYS * DAY_MS || (isName(name) && certificate.checkHost(name) === undefined)
}

/** Key (PKCS #8, EC P-256) and certificate as one PEM text. `key`: one that is there already. */
export function makeSelfSigned(
  name: string,
  { now, key }: { readonly now: number; readonly key?: KeyObject | undefined },
): string {
  const privateKey = key ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const signed = toBeSigned(name, createPublicKey(privateKey), now)
  const signature = sign('sha256', signed, privateKey)
  const der = sequence(signed, ECDSA_SHA256, bits(signature))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `${privateKey.export({ type: 'pkcs8', format: 'pem' })}-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** RFC 5280 §4.1.2. */
function toBeSigned(name: string, publicKey: KeyObject, now: number): Buffer {
  // RFC 5280 App. A: a common name has at most 64 characters.
  const title = sequence(
    set(sequence(ORGANIZATION, text(MAKER))),
    ...(isName(name) && name.length <= 64 ? [set(sequence(COMMON_NAME, text(name)))] : []),
  )
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40 // positive, and of full length
  return sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_SHA256,
    title,
    // A day before: the clock of who looks may be slow.
    sequence(time(now - DAY_MS), time(now + LIFE_DAYS * DAY_MS)),
    title,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(name))),
  )
}

/** RFC 5280 §4.2.1: no authority, for signatures, of servers, with this name. */
function extensions(name: string): readonly Buffer[] {
  return [
    extension(BASIC_CONSTRAINTS, sequence(), true),
    extension(KEY_USAGE, tagged(0x03, Buffer.from([7, 0x80])), true),
    extension(EXTENDED_KEY_USAGE, sequence(SERVER_AUTH)),
    ...(isName(name) ? [extension(ALTERNATIVE_NAME, sequence(tagged(0x82, Buffer.from(name, 'latin1'))))] : []),
  ]
}

/** A name that DNS may have; others cannot stand in a certificate. */
function isName(name: string): boolean {
  return /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i.test(name) && !/^[\d.]+$/.test(name)
}

function extension(id: Buffer, value: Buffer, isCritical = false): Buffer {
  return sequence(id, ...(isCritical ? [TRUE] : []), tagged(0x04, value))
}

/** DER, X.690 §8.1: tag, length, value. */
function tagged(tag: number, ...values: readonly Buffer[]): Buffer {
  const value = Buffer.concat(values)
  const { length } = value
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), value])
}

function sequence(...values: readonly Buffer[]): Buffer {
  return tagged(0x30, ...values)
}

function set(...values: readonly Buffer[]): Buffer {
  return tagged(0x31, ...values)
}

function integer(value: Buffer): Buffer {
  return tagged(0x02, value)
}

function bits(value: Buffer): Buffer {
  return tagged(0x03, Buffer.from([0]), value)
}

function text(value: string): Buffer {
  return tagged(0x0c, Buffer.from(value, 'utf8'))
}

/** RFC 5280 §4.1.2.5: two digits of the year until 2049. */
function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/\D/g, '').slice(0, 14)
  return digits < '2050' ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`)) : tagged(0x18, Buffer.from(`${digits}Z`))
}

const TRUE = Buffer.from([0x01, 0x01, 0xff])
/** Object identifiers, as DER. */
const ORGANIZATION = Buffer.from('060355040a', 'hex')
const COMMON_NAME = Buffer.from('0603550403', 'hex')
const BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex')
const KEY_USAGE = Buffer.from('0603551d0f', 'hex')
const EXTENDED_KEY_USAGE = Buffer.from('0603551d25', 'hex')
const ALTERNATIVE_NAME = Buffer.from('0603551d11', 'hex')
const SERVER_AUTH = Buffer.from('06082b06010505070301', 'hex')
/** RFC 5758 §3.2: an algorithm without parameters. */
const ECDSA_SHA256 = sequence(Buffer.from('06082a8648ce3d040302', 'hex'))
