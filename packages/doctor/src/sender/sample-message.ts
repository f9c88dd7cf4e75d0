/** A message as a receiver has it, taken apart for the checks of a sender. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { DkimVerifier, nodeResolver, readFields } from '@postroad/mailauth'
import type { Dns } from '@postroad/plugin'
import { tags } from '../look.ts'

/** A signature of DKIM. */
export interface SampleSignature {
  readonly domain: string
  readonly selector: string
  /** `pass`, `fail`, `temperror`, … */
  readonly result: string
  readonly comment: string | undefined
  /** Names of `h=`, in lower case. */
  readonly covers: readonly string[]
}

/** What is known of it. */
export interface SampleMessage {
  readonly name: string
  readonly octets: Buffer
  /** Values by name in lower case, unfolded, topmost first. */
  fields(name: string): readonly string[]
  /** Lines of the header section that are no fields. */
  readonly strayLines: number
  /** Domain of the one author; undefined where there is not one. */
  readonly fromDomain: string | undefined
  /** Domain of Return-Path, which the last host writes. */
  readonly returnPathDomain: string | undefined
  readonly signatures: readonly SampleSignature[]
}

/** Fields that are looked at. */
const MOST_FIELDS = 1_000

/** Reads and verifies. Does not reject for what stands in it. */
export async function readSampleMessage(
  { name, octets: written }: { readonly name: string; readonly octets: Uint8Array },
  { dns, now, signal }: { readonly dns: Dns; now(): number; readonly signal: AbortSignal },
): Promise<SampleMessage> {
  // As files have it that a mail program has saved.
  const octets = Buffer.from(Buffer.from(written).toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1')
  const end = octets.indexOf('\r\n\r\n')
  const all = readFields(end < 0 ? octets : octets.subarray(0, end + 2), MOST_FIELDS) ?? []
  const isField = /^[\x21-\x39\x3b-\x7e]+[ \t]*:/
  const values = new Map<string, string[]>()
  for (const { key, text } of all) {
    if (!isField.test(text)) continue
    const value = Buffer.from(text.slice(text.indexOf(':') + 1), 'latin1')
      .toString()
      .replaceAll(/\r?\n/g, '')
      .trim()
    values.set(key, [...(values.get(key) ?? []), value])
  }
  const fields = (field: string): readonly string[] => values.get(field.toLowerCase()) ?? []
  return {
    name,
    octets,
    fields,
    // Readers lay such a line to the field above, or see the end of the section in it.
    strayLines: all
      .flatMap(({ text }) => text.split('\r\n'))
      .filter((line) => !isField.test(line) && !/^[ \t]/.test(line)).length,
    fromDomain: authorDomain(fields('From')),
    returnPathDomain: domainOf(fields('Return-Path')[0]),
    signatures: await verify(octets, fields('DKIM-Signature'), { dns, now, signal }),
  }
}

async function verify(
  octets: Buffer,
  values: readonly string[],
  { dns, now, signal }: { readonly dns: Dns; now(): number; readonly signal: AbortSignal },
): Promise<readonly SampleSignature[]> {
  if (values.length === 0) return []
  const verifier = new DkimVerifier({
    strict: true,
    minBitLength: 1024,
    curTime: new Date(now()),
    resolver: nodeResolver(dns, signal),
  }) as DkimVerifier & Writable // it is a stream; elsewhere it is not used as one
  verifier.end(octets)
  await once(verifier, 'finish', { signal })
  const headers = values.map((value) => tags(value.replaceAll(/\s+/g, '')))
  return verifier.results.map(({ status }) => {
    const { header = {}, result, comment } = status
    const domain = String(header.d || '').toLowerCase()
    const selector = header.s ?? ''
    const own = headers.find((one) => one.get('d')?.toLowerCase() === domain && one.get('s') === selector)
    const covers = (own?.get('h') ?? '').toLowerCase().split(':')
    return { domain, selector, result, comment: comment || undefined, covers }
  })
}

/** The domain of the one address of the one From field. */
function authorDomain(from: readonly string[]): string | undefined {
  const [value, ...more] = from
  if (value === undefined || more.length > 0) return undefined
  const addresses = [...value.replaceAll(/"(?:[^"\\]|\\.)*"|\([^()]*\)/g, '').matchAll(/[^\s<>,;:@]+@([^\s<>,;:@]+)/g)]
  const domains = new Set(addresses.map(([, domain = '']) => domain.toLowerCase().replace(/\.$/, '')))
  const [domain] = domains
  return domains.size === 1 ? domain : undefined
}

function domainOf(path: string | undefined): string | undefined {
  return /@([^\s<>@]+)>?\s*$/.exec(path ?? '')?.[1]?.toLowerCase()
}
