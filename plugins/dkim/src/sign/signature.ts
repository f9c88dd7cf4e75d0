/** Makes one DKIM-Signature field in the relaxed form, RFC 6376 §3.5 and §5. */
import { createHash, type KeyObject, sign as signCallback } from 'node:crypto'
import { promisify } from 'node:util'
import { readFields, type SignedField } from '@postroad/mailauth'
import type { Headers } from '@postroad/plugin'
import type { SigningKey } from './key-ring.ts'

const sign: (algorithm: string | null, data: Uint8Array, key: KeyObject) => Promise<Buffer> = promisify(signCallback)

/** What is signed. */
export interface Signable {
  /** All fields, top to bottom. */
  readonly fields: readonly SignedField[]
  /** SHA-256 of the body in its relaxed form, base64. */
  readonly bodyHash: string
}

/** How it is signed. */
export interface SignatureOptions {
  /** Signed once more often than they are there, RFC 6376 §8.15. */
  readonly headers: readonly string[]
  /** Signed as often as they are there. */
  readonly looseHeaders: readonly string[]
  /** Signed once more often than they are there, where they are. */
  readonly guardedHeaders?: readonly string[]
  /** Seconds since the epoch, `t=`. */
  readonly time: number
  /** Seconds since the epoch, `x=`. */
  readonly expires?: number | undefined
}

/** As a verifier reads them: a line that begins no field belongs to the field above, and is signed with it. */
export function signedFields(headers: Headers): readonly SignedField[] {
  return readFields(Buffer.concat([...headers].map(({ raw }) => raw)), Number.POSITIVE_INFINITY) ?? []
}

/** The value of the field, folded. */
export async function makeSignature(key: SigningKey, signable: Signable, options: SignatureOptions): Promise<string> {
  const { names, canonical } = selectFields(signable.fields, options)
  const lines = [
    `v=1; a=${key.algorithm}; c=relaxed/relaxed;`,
    `d=${key.domain}; s=${key.selector};`,
    `t=${options.time};${options.expires === undefined ? '' : ` x=${options.expires};`}`,
    ...foldNames(names),
    `bh=${signable.bodyHash};`,
    'b=',
  ]
  const value = lines.join('\r\n\t')
  // RFC 6376 §3.7: the field itself comes last, with an empty b= and no CRLF.
  const data = Buffer.from(`${canonical}${relax(`DKIM-Signature: ${value}`)}`, 'latin1')
  // RFC 8463 §3: Ed25519 signs the hash, not the data.
  const isEd25519 = key.algorithm === 'ed25519-sha256'
  const signature = await sign(
    isEd25519 ? null : 'sha256',
    isEd25519 ? createHash('sha256').update(data).digest() : data,
    key.key,
  )
  return value + (signature.toString('base64').match(/.{1,72}/g) ?? []).join('\r\n\t')
}

/** RFC 6376 §5.4.2: several fields of one name are taken from the bottom up. */
function selectFields(
  fields: Signable['fields'],
  { headers, looseHeaders, guardedHeaders = [] }: SignatureOptions,
): { names: string[]; canonical: string } {
  const strict = new Set(['from', ...headers.map((name) => name.toLowerCase())])
  const guarded = new Set(guardedHeaders.map((name) => name.toLowerCase()))
  const wanted = new Set([...strict, ...guarded, ...looseHeaders.map((name) => name.toLowerCase())])
  const names: string[] = []
  let canonical = ''
  for (const name of wanted) {
    const present = fields.filter((field) => field.key === name).reverse()
    for (const field of present) {
      names.push(name)
      canonical += `${relax(field.line.toString('latin1'))}\r\n`
    }
    if (strict.has(name) || (guarded.has(name) && present.length > 0)) names.push(name)
  }
  return { names, canonical }
}

/** RFC 6376 §3.4.2, without the last CRLF. */
function relax(field: string): string {
  const colon = field.indexOf(':')
  const name = field.slice(0, colon).toLowerCase()
  const value = field.slice(colon + 1).replace(/\r?\n/g, '')
  return `${name.replace(/[ \t]+/g, '')}:${value.replace(/[ \t]+/g, ' ').replace(/^ | $/g, '')}`
}

/** `h=`; white space may stand after a colon, RFC 6376 §3.5. */
function foldNames(names: readonly string[]): string[] {
  const lines: string[] = []
  let line = 'h='
  for (const [index, name] of names.entries()) {
    if (line.length + name.length > 75) {
      lines.push(line)
      line = ''
    }
    line += name + (index === names.length - 1 ? ';' : ':')
  }
  return [...lines, line]
}
