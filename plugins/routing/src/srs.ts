/**
 * Sender Rewriting Scheme: mail that an alias sends on gets a reverse-path of our own, from which bounces find the way back.
 * After "SRS: Sender Rewriting Scheme" (Shevek, 2004): `SRS0=hash=day=domain=local@ours`, and `SRS1=hash=domain=…` for what
 * was rewritten before.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { makeAddress } from '@postroad/mail'
import type { Address } from '@postroad/plugin'
import type { SrsOptions } from './options.ts'
import { at, checkedDomain } from './target.ts'

const DAY = 86_400_000
/** Five bits a character, two characters: days modulo 1,024. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const CYCLE = 1_024
/** Characters of the signature: 2^-30 for a guess. */
const HASH = 6

/** Encodes and decodes reverse-paths. */
export interface Srs {
  /** Undefined when it needs none: it is the null one, or does not fit (RFC 5321 §4.5.3.1.1). */
  encode(from: Address, now: number): Address | undefined
  /** Where a bounce goes; undefined when the address is no SRS address of ours, `'forged'` when it is one and wrong or too old. */
  decode(to: Address, now: number): Address | 'forged' | undefined
}

/**
 * Times are milliseconds since the epoch; signatures are compared in constant time.
 *
 * @throws {TypeError} when the domain is not one
 */
export function srsOf({ domain, secret, lifetime }: SrsOptions): Srs {
  const sign = (key: string, parts: readonly string[]) =>
    createHmac('sha256', key).update(parts.join('\0').toLowerCase()).digest('base64url').slice(0, HASH)
  const isRight = (given: string, parts: readonly string[]) => secret.some((key) => equal(given, sign(key, parts)))
  const ours = at('srs.domain', () => checkedDomain(domain))
  const [first = ''] = secret
  return {
    encode(from, now) {
      const again = /^SRS([01])([-+=].*)$/i.exec(from.local)
      if (again?.[1] === '0')
        return make(`SRS1=${sign(first, [from.domain, again[2] ?? ''])}=${from.domain}=${again[2]}`, ours)
      if (again)
        return make(
          resigned(again[2] ?? '', (parts) => sign(first, parts)),
          ours,
        )
      const day = stamp(now)
      return make(`SRS0=${sign(first, [day, from.domain, from.local])}=${day}=${from.domain}=${from.local}`, ours)
    },
    decode(to, now) {
      if (to.domain !== ours) return undefined
      const zero = /^SRS0[-+=]([^=]+)=([A-Z2-7]{2})=([^=]+)=(.+)$/i.exec(to.local)
      if (zero) {
        const [hash = '', day = '', host = '', local = ''] = zero.slice(1)
        return isRight(hash, [day, host, local]) && isFresh(day, now, lifetime)
          ? (make(local, host) ?? 'forged')
          : 'forged'
      }
      const one = /^SRS1[-+=]([^=]+)=([^=]+)=([-+=].+)$/i.exec(to.local)
      if (!one) return /^SRS[01][-+=]/i.test(to.local) ? 'forged' : undefined
      const [hash = '', host = '', rest = ''] = one.slice(1)
      // The first forwarder's own signature says whether it is too old.
      return isRight(hash, [host, rest]) ? (make(`SRS0${rest}`, host) ?? 'forged') : 'forged'
    },
  }
}

/** `SRS1=theirs=host=rest` of another forwarder: only the first one's part is kept. */
function resigned(text: string, sign: (parts: readonly string[]) => string): string {
  const [, host = '', rest = ''] = /^[-+=][^=]*=([^=]+)=(.*)$/.exec(text) ?? []
  return `SRS1=${sign([host, rest])}=${host}=${rest}`
}

function stamp(now: number): string {
  const day = Math.floor(now / DAY) % CYCLE
  return `${ALPHABET[day >> 5]}${ALPHABET[day & 31]}`
}

function isFresh(text: string, now: number, lifetime: number): boolean {
  const [high = 0, low = 0] = [...text.toUpperCase()].map((letter) => ALPHABET.indexOf(letter))
  const age = (Math.floor(now / DAY) - (high * 32 + low) + CYCLE) % CYCLE
  return age <= lifetime
}

/** Case may be lost on the way: RFC 5321 §2.4 asks to keep it, not all do. */
function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a.toLowerCase()), Buffer.from(b.toLowerCase())]
  return left.length === right.length && timingSafeEqual(left, right)
}

function make(local: string, domain: string): Address | undefined {
  try {
    return makeAddress(local, domain)
  } catch {
    return undefined // too long, or no address: the caller knows what that means
  }
}
