/** Signs zones with ldns, and then spoils what is to be wrong with them. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { programPath } from '../runner/program.ts'
import type { RealZone, ZoneFlaw } from './real-zone.ts'

const run = promisify(execFile)
const DAY = 86_400

/** A key of a zone. */
interface Key {
  /** As ldns wants it: without `.private`. */
  readonly base: string
  /** In the form of a zone file. */
  readonly dnskey: string
  /** `65203 13 2 1d7e…` */
  readonly ds: string
}

/** Signs. Each zone has one key as long as the signer lives, and nothing is signed twice. */
export class Signer {
  readonly #folder: string
  readonly #keys = new Map<string, Promise<Key>>()
  readonly #signed = new Map<string, Promise<string>>()

  /** @param folder where keys and zones are kept */
  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(join(folder, 'keys'), { recursive: true })
  }

  /** The key in the form of a zone file. */
  async anchor(zone: string): Promise<string> {
    return (await this.#key(zone)).dnskey
  }

  /** The text of a zone, with the delegations to those below it. */
  async text(zone: RealZone, zones: readonly RealZone[]): Promise<string> {
    const below = zones.filter(({ name }) => parentOf(name, zones)?.name === zone.name)
    const isOptOut = below.some(({ signing }) => signing === 'opted out')
    const text = [
      '$TTL 60',
      `${zone.name}. SOA ns.test. hostmaster.test. 1 3600 600 86400 60`,
      `${zone.name}. NS ns.test.`,
      ...(zone.name === 'test' ? ['ns.test. A 127.0.0.1'] : []),
      ...zone.records,
      ...(await Promise.all(below.map((one) => this.#delegation(one)))).flat(),
      '',
    ].join('\n')
    if (['unsigned', 'opted out', 'unknown algorithm'].includes(zone.signing)) return text
    const sign = (from: number, to: number) => this.#sign({ name: zone.name, text, isOptOut, from, to })
    const good = await sign(-DAY, 30 * DAY)
    // Farther from now than the day that unbound forgives clocks.
    const old = zone.flaws.some(({ how }) => how === 'expired') ? await sign(-60 * DAY, -10 * DAY) : ''
    const early = zone.flaws.some(({ how }) => how === 'premature') ? await sign(10 * DAY, 60 * DAY) : ''
    return zone.flaws.reduce((lines, flaw) => spoil(lines, flaw, { old, early }), good)
  }

  async #delegation({ name, signing }: RealZone): Promise<readonly string[]> {
    const cut = `${name}. NS ns.test.`
    if (signing === 'unsigned' || signing === 'opted out' || signing === 'island') return [cut]
    // 200 is assigned to no algorithm.
    if (signing === 'unknown algorithm') return [cut, `${name}. DS 4711 200 2 ${'ab'.repeat(32)}`]
    const { ds } = await this.#key(name)
    const [tag, algorithm, digest, hash = ''] = ds.split(' ')
    const shown = signing === 'wrong DS' ? hash.replace(/./g, (digit) => (digit === '0' ? '1' : '0')) : hash
    return [cut, `${name}. DS ${tag} ${algorithm} ${digest} ${shown}`]
  }

  #key(zone: string): Promise<Key> {
    let key = this.#keys.get(zone)
    if (key === undefined) this.#keys.set(zone, (key = this.#makeKey(zone)))
    return key
  }

  async #makeKey(zone: string): Promise<Key> {
    const cwd = join(this.#folder, 'keys')
    const args = ['-a', 'ECDSAP256SHA256', '-k', '-r', '/dev/urandom', `${zone}.`]
    const { stdout } = await run(programPath('ldns-keygen'), args, { cwd })
    const base = join(cwd, stdout.trim())
    const read = (end: string) => readFileSync(`${base}.${end}`, 'latin1').trim()
    return { base, dnskey: read('key'), ds: read('ds').replace(/^.*\tDS\t/, '') }
  }

  #sign(job: Omit<SignJob, 'key' | 'file'>): Promise<string> {
    const { name, text, isOptOut, from } = job
    const id = createHash('sha256').update(`${name} ${isOptOut} ${from}\n${text}`).digest('hex')
    let signed = this.#signed.get(id)
    if (signed === undefined) this.#signed.set(id, (signed = this.#signOnce({ ...job, file: join(this.#folder, id) })))
    return signed
  }

  async #signOnce({ name, text, isOptOut, from, to, file }: Omit<SignJob, 'key'>): Promise<string> {
    const { base } = await this.#key(name)
    writeFileSync(file, text)
    const now = Math.floor(Date.now() / 1000)
    const nsec3 = isOptOut ? ['-n', '-p', '-t', '0'] : []
    const args = [...nsec3, '-o', name, '-i', `${now + from}`, '-e', `${now + to}`, '-f', `${file}.signed`, file, base]
    await run(programPath('ldns-signzone'), args)
    // RFC 3597: ldns writes a record without data as it cannot be read again.
    return readFileSync(`${file}.signed`, 'latin1').replace(/\tTLSA\t(\d) (\d) (\d)$/gm, '\tTYPE52\t\\# 3 0$10$20$3')
  }
}

interface SignJob {
  readonly name: string
  readonly text: string
  /** NSEC3 with the flag that delegations without a key are left out. */
  readonly isOptOut: boolean
  /** Seconds from now. */
  readonly from: number
  readonly to: number
  readonly file: string
}

/** The zone that delegates this one: the deepest above it. */
export function parentOf(name: string, zones: readonly RealZone[]): RealZone | undefined {
  return zones.filter((one) => name.endsWith(`.${one.name}`)).toSorted((a, b) => b.name.length - a.name.length)[0]
}

/** What else was signed at other times. */
interface Others {
  readonly old: string
  readonly early: string
}

function spoil(text: string, { owner = '', type = '', how }: ZoneFlaw, { old, early }: Others): string {
  const lines = text.split('\n')
  if (how === 'denial stripped')
    return lines.filter((line) => !/\t(?:NSEC3?|NSEC3PARAM|RRSIG\tNSEC\S*)[\t ]/.test(line)).join('\n')
  const isSignature = (line: string) => line.startsWith(`${owner}.\t`) && line.includes(`\tRRSIG\t${type} `)
  if (!lines.some(isSignature)) throw new TypeError(`${owner} ${type} has no signature that could be spoilt`)
  if (how === 'stripped') return lines.filter((line) => !isSignature(line)).join('\n')
  const other = how === 'expired' ? old : early
  const instead = how === 'bogus' ? undefined : other.split('\n').find(isSignature)
  return lines.map((line) => (isSignature(line) ? (instead ?? forged(line)) : line)).join('\n')
}

/** The signature with one octet changed: in the middle, for the last digit may carry no bit. */
function forged(line: string): string {
  const at = line.lastIndexOf('.') + 20
  return `${line.slice(0, at)}${line[at] === 'A' ? 'B' : 'A'}${line.slice(at + 1)}`
}
