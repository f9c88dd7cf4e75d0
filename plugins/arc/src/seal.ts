/** Adds a set of ARC fields, RFC 8617 §5.1. */
import { readFile } from 'node:fs/promises'
import type { Arc } from '@postroad/authres'
import { BodyHash, createSeal, getArcChain, readFields } from '@postroad/mailauth'
import type { Message } from '@postroad/plugin'

/** A key to seal with. */
export interface SealKey {
  readonly domain: string
  readonly selector: string
  /** PEM. */
  readonly privateKey: string
}

/** What is sealed, besides the message. */
export interface SealOptions {
  readonly key: SealKey
  /** Value of an Authentication-Results field: authserv-id and results. */
  readonly authResults: string
  /** What the validation of the chain that is there has found. */
  readonly result: Arc['result']
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Names to sign, separated by colons. Default: mailauth's. */
  readonly headers?: string
}

const MAX_FIELDS = 10_000

/** Reads a key for {@link sealMessage}. */
export async function readSealKey({
  domain,
  selector,
  file,
}: {
  domain: string
  selector: string
  file: string
}): Promise<SealKey> {
  return { domain, selector, privateKey: await readFile(file, 'utf8') }
}

/**
 * The message with one more set on top; without one when RFC 8617 §5.1.2 says that the chain is not to go on (its newest seal has
 * cv=fail, or there are 50 sets), or when it has no From.
 */
export async function sealMessage(
  message: Message,
  { key, authResults, result, now, headers }: SealOptions,
): Promise<Message | undefined> {
  const fields = readFields(Buffer.concat([...message.headers].map((field) => field.raw)), MAX_FIELDS)
  if (fields === undefined) return undefined
  const parsed = { parsed: fields }
  const body = new BodyHash({ canonicalization: 'relaxed' })
  for await (const chunk of message.body()) body.update(chunk)
  const { headers: set } = await createSeal(false, {
    headers: parsed,
    arc: { chain: result === 'pass' ? getArcChain(parsed, { strict: true }) : false },
    // Its strict mode takes the names of hosts only, senders have those of the DNS; whether the chain may go on was asked above.
    strict: [key.domain, key.selector].every((name) => !/_|-(\.|$)|(^|\.)-/.test(name)),
    seal: {
      signingDomain: key.domain,
      selector: key.selector,
      privateKey: key.privateKey,
      bodyHash: body.digest().toString('base64'),
      authResults,
      cv: result,
      signTime: new Date(now),
      ...(headers === undefined ? {} : { headerList: headers }),
    },
  })
  return set.length === 0 ? undefined : set.reduceRight(addField, message)
}

function addField(message: Message, field: string): Message {
  const colon = field.indexOf(':')
  return message.withHeader(field.slice(0, colon), field.slice(colon + 1).trimStart())
}
