/**
 * Addresses that bounces come to: VERP, whose token says by a signature that mail was sent from it, and when. No address of a person stands in it.
 *
 *   bounce+KEY-DAY-SERIAL-TAG@b.example.com
 *
 * KEY names the secret, DAY is that of the attempt, SERIAL stands for the message and its recipients, and TAG is 80 bits of HMAC-SHA256 over all
 * of it. Everything is in lower case, because some change the case of what they answer to.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { makeAddress, parseAddress } from '@postroad/mail'
import type { TokenKey } from '@postroad/options'
import type { Address } from '@postroad/plugin'

const DAY = 86_400_000
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const SERIAL = 12
const TAG = 16
const FORM = /^([a-z0-9]{1,16})-([0-9a-z]{1,4})-([a-z2-7]{12})-([a-z2-7]{16})$/

/** What is known of a token. */
export interface OpenedToken {
  /** Names the message and its recipients in the store. */
  readonly serial: string
  /** Milliseconds since the epoch: the beginning of the day of the attempt. */
  readonly at: number
}

/** Makes and opens addresses of one domain. */
export class BounceAddress {
  readonly #local: string
  readonly #domain: string

  /** @param address without a token */
  constructor(address: string) {
    const { local, domain } = parseAddress(address, { smtputf8: true }) ?? { local: '', domain: '' }
    this.#local = local.toLowerCase()
    this.#domain = domain
  }

  /** Of a message, and the recipients of one attempt. */
  make(mail: { readonly id: string; readonly recipients: readonly string[] }, key: TokenKey, now: number): Address {
    const serial = base32(hmac(key, ['serial', mail.id, ...mail.recipients])).slice(0, SERIAL)
    const text = `${key.name.toLowerCase()}-${Math.floor(now / DAY).toString(36)}-${serial}`
    return makeAddress(`${this.#local}+${text}-${this.#tag(text, key)}`, this.#domain)
  }

  /** The serial of an address that {@link make} has made. */
  serialOf(address: Address): string {
    return address.local.split('-').at(-2) ?? ''
  }

  /** The token of an address, whoever has made it; `''` of one without; undefined: the address is another's. */
  tokenOf({ local, domain }: Address): string | undefined {
    if (domain !== this.#domain) return undefined
    const folded = local.toLowerCase()
    if (folded === this.#local) return ''
    return folded.startsWith(`${this.#local}+`) ? folded.slice(this.#local.length + 1) : undefined
  }

  /** Undefined: it was not made with one of these keys. Whether it is too old is the caller's to say. */
  open(token: string, keys: readonly TokenKey[]): OpenedToken | undefined {
    const [, name = '', day = '', serial = '', given = ''] = FORM.exec(token) ?? []
    const text = token.slice(0, -(TAG + 1))
    for (const key of keys) {
      if (key.name.toLowerCase() !== name) continue
      const real = Buffer.from(this.#tag(text, key))
      const shown = Buffer.from(given)
      if (shown.length === real.length && timingSafeEqual(shown, real))
        return { serial, at: Number.parseInt(day, 36) * DAY }
    }
    return undefined
  }

  /** Tokens that stand in a text: in fields of a returned message, for one. At most so many. */
  tokensIn(text: string, most: number): readonly string[] {
    const tokens: string[] = []
    const mark = `${this.#local}+`
    const folded = text.toLowerCase()
    for (let at = folded.indexOf(mark); at >= 0 && tokens.length < most; at = folded.indexOf(mark, at + 1)) {
      const rest = folded.slice(at + mark.length, at + 400)
      const end = rest.indexOf(`@${this.#domain}`)
      if (end > 0) tokens.push(rest.slice(0, end))
    }
    return tokens
  }

  #tag(text: string, key: TokenKey): string {
    return base32(hmac(key, ['tag', text, this.#domain])).slice(0, TAG)
  }
}

function hmac({ secret }: TokenKey, parts: readonly string[]): Buffer {
  return createHmac('sha256', secret)
    .update(`bounce\0${parts.join('\0')}`)
    .digest()
}

/** Five bits a character. */
function base32(octets: Buffer): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const octet of octets) {
    value = ((value << 8) | octet) & 0xffff
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31]
  }
  return text
}
