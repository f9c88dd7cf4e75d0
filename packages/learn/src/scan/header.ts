/** What the header of a message gives away: which fields there are and in which order, the words in them, and whom it came through. */
import type { FieldSpan } from './field.ts'
import { lowerText } from './field.ts'
import { finish, take, takeText } from './hash.ts'
import type { FeatureSink } from './sink.ts'

const NAME = 0x51
const ORDER = 0x52
const CASE = 0x53
const TOKEN = 0x54
const SHAPE = 0x55
const ROUTE = 0x56
const FACT = 0x57
const ABSENT = 0x58
const MAX_TOKENS = 24
const MAX_ROUTE_TOKENS = 10
const MAX_TOKEN = 40
const ROUTES = 3
const EXPECTED = ['from', 'to', 'date', 'message-id', 'subject', 'mime-version', 'content-type']
/**
 * Fields whose words count, and all that begin with `x-`. Those of lists, dates and threads say where and when mail was collected: without them
 * mail of other sources is told apart better, and that of the same source no worse.
 */
const WITH_TOKENS = new Set(['from', 'to', 'cc', 'reply-to', 'sender'])

/** Takes features of headers; one a scanner. */
export class HeaderReader {
  readonly #sink: FeatureSink
  readonly #space: number
  readonly #isIgnored: (name: string) => boolean
  readonly #ownHosts: ReadonlySet<string>

  constructor(
    sink: FeatureSink,
    space: number,
    options: { isIgnored: (name: string) => boolean; ownHosts: ReadonlySet<string> },
  ) {
    this.#sink = sink
    this.#space = space
    this.#isIgnored = options.isIgnored
    this.#ownHosts = options.ownHosts
  }

  read(octets: Uint8Array, fields: readonly FieldSpan[]): void {
    let before = 0
    let above = ''
    const routes: FieldSpan[] = []
    const seen = new Set<string>()
    for (const field of fields) {
      const { name } = field
      if (this.#isIgnored(name)) continue
      if (name === 'received') {
        if (!this.#isOwn(octets, field)) routes.push(field)
        continue
      }
      seen.add(name)
      const hash = this.#structure(octets, field, { hash: before, name: above })
      before = hash
      above = name
      if (WITH_TOKENS.has(name) || name.startsWith('x-')) this.#tokens(octets, field.from, field.to, hash, name)
      else if (name === 'message-id') this.#shape(octets, field)
    }
    for (const name of EXPECTED)
      if (!seen.has(name))
        this.#say(finish(takeText(take(this.#space, ABSENT), name)), 'structure', () => `no field ${name}`)
    this.#routes(octets, routes)
  }

  /** Words that other plugins found out about the sender. */
  facts(facts: readonly string[]): void {
    for (const fact of facts.slice(0, 64))
      this.#say(finish(takeText(take(this.#space, FACT), fact)), 'facts', () => fact)
  }

  /** @param before the field above it */
  #structure(
    octets: Uint8Array,
    { name, nameFrom }: FieldSpan,
    before: { readonly hash: number; readonly name: string },
  ): number {
    const hash = finish(takeText(take(this.#space, NAME), name))
    this.#say(hash, 'structure', () => `a field ${name}`)
    this.#say(finish(take(take(take(this.#space, ORDER), before.hash), hash)), 'structure', () =>
      before.name === '' ? `the field ${name} stands first` : `the field ${name} stands below ${before.name}`,
    )
    let written = take(this.#space, CASE)
    for (let i = 0; i < name.length; i++) written = take(written, octets[nameFrom + i] ?? 0)
    this.#say(
      finish(written),
      'structure',
      () => `the field ${name} is written "${asWritten(octets, nameFrom, name.length)}"`,
    )
    return hash
  }

  #tokens(octets: Uint8Array, from: number, to: number, hash: number, name: string): void {
    const space = take(take(this.#space, TOKEN), hash)
    let count = 0
    let i = from
    while (i < to && count < MAX_TOKENS) {
      if (!isInToken(octets[i] ?? 0)) {
        i++
        continue
      }
      const start = i
      let running = space
      let digits = 0
      while (i < to && isInToken(octets[i] ?? 0)) {
        const octet = octets[i++] ?? 0
        if (octet >= 0x30 && octet <= 0x39) digits++
        if (i - start <= MAX_TOKEN) running = take(running, octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet)
      }
      // Long numbers are of one message: their length is all that comes again.
      if (digits > 5) running = take(take(space, 0x23), Math.min(i - start, 32))
      this.#say(finish(running), `field ${name}`, () => `"${lowerText(octets, start, Math.min(i, start + MAX_TOKEN))}"`)
      count++
    }
    this.#domain(octets, from, to, space, name)
    this.#say(
      finish(take(take(space, SHAPE), Math.min(count, 12))),
      `field ${name}`,
      () => `${count >= 12 ? '12 or more' : count} ${count === 1 ? 'word' : 'words'}`,
    )
  }

  /** The registered domain, roughly, of the first address in a field. */
  #domain(octets: Uint8Array, from: number, to: number, space: number, name: string): void {
    let at = from
    while (at < to && octets[at] !== 0x40) at++
    if (at >= to) return
    let end = at + 1
    let last = end
    let beforeLast = end
    while (end < to && end - at < 256 && isInHost(octets[end] ?? 0)) {
      if (octets[end] === 0x2e) {
        beforeLast = last
        last = end + 1
      }
      end++
    }
    let running = take(space, 0x40)
    for (let i = beforeLast; i < end; i++) running = take(running, (octets[i] ?? 0) | 0x20)
    this.#say(finish(running), `field ${name}`, () => `an address at ${lowerText(octets, beforeLast, end)}`)
  }

  /** Runs of letters, capitals and digits of a Message-ID, and the domain after the @. */
  #shape(octets: Uint8Array, { from, to, name }: FieldSpan): void {
    let running = take(this.#space, SHAPE)
    let last = 0
    let isHost = false
    for (let i = from; i < Math.min(to, from + 256); i++) {
      const octet = octets[i] ?? 0
      if (octet <= 0x20) continue
      if (octet === 0x40) isHost = true
      const kind = isHost && octet !== 0x40 && octet !== 0x2e ? 0x61 : kindOf(octet)
      if (kind !== last) running = take(running, kind)
      last = kind
    }
    this.#say(
      finish(running),
      `field ${name}`,
      () => `a Message-ID of the form of ${asWritten(octets, from, Math.min(to - from, 60)).trim()}`,
    )
    this.#domain(octets, from, to, take(this.#space, SHAPE), name)
  }

  /** The Received fields nearest to the sender: names, protocol and network, without times and identifiers. */
  #routes(octets: Uint8Array, routes: readonly FieldSpan[]): void {
    const space = take(this.#space, ROUTE)
    this.#say(
      finish(take(space, Math.min(routes.length, ROUTES))),
      'received',
      () => `${Math.min(routes.length, ROUTES)} hops to us`,
    )
    for (const field of routes.slice(-ROUTES)) this.#route(octets, field, space)
  }

  #route(octets: Uint8Array, { from, to }: FieldSpan, space: number): void {
    let keyword = 0
    let count = 0
    let i = from
    while (i < to && count < MAX_ROUTE_TOKENS && octets[i] !== 0x3b) {
      if (!isInHost(octets[i] ?? 0)) {
        i++
        continue
      }
      const start = i
      while (i < to && isInHost(octets[i] ?? 0)) i++
      const text = lowerText(octets, start, Math.min(i, start + 64))
      if (text === 'from' || text === 'by' || text === 'with' || text === 'id' || text === 'for' || text === 'via') {
        keyword = text.charCodeAt(0) * 31 + text.charCodeAt(1)
        continue
      }
      if (keyword === ID || keyword === FOR) continue
      const key = routeKey(text)
      this.#say(finish(takeText(take(space, keyword), key)), 'received', () => `"${key}" on the way`)
      count++
    }
  }

  #isOwn(octets: Uint8Array, { from, to }: FieldSpan): boolean {
    if (this.#ownHosts.size === 0) return false
    const text = lowerText(octets, from, Math.min(to, from + 512))
    const by = text.indexOf('by ')
    if (by < 0) return false
    let end = by + 3
    while (end < text.length && isInHost(text.charCodeAt(end))) end++
    return this.#ownHosts.has(text.slice(by + 3, end))
  }

  #say(hash: number, place: string, words: () => string): void {
    const { headers, notes } = this.#sink
    if (headers.add(hash) && notes !== undefined) notes.say('headers', hash, place, words())
  }
}

const ID = 105 * 31 + 100
const FOR = 102 * 31 + 111

/** A host by its last two labels, an address by its first two numbers. */
function routeKey(text: string): string {
  const labels = text.split('.')
  const isAddress =
    labels.length === 4 && labels.every((label) => label.length > 0 && label.length < 4 && label.charCodeAt(0) < 0x3a)
  return isAddress ? labels.slice(0, 2).join('.') : labels.slice(-2).join('.')
}

function isLetter(octet: number): boolean {
  return (octet >= 0x61 && octet <= 0x7a) || (octet >= 0x41 && octet <= 0x5a)
}

function isInToken(octet: number): boolean {
  return (
    isLetter(octet) ||
    (octet >= 0x30 && octet <= 0x39) ||
    octet === 0x2d ||
    octet === 0x2e ||
    octet === 0x5f ||
    octet === 0x2f ||
    octet >= 0x80
  )
}

function isInHost(octet: number): boolean {
  return isLetter(octet) || (octet >= 0x30 && octet <= 0x39) || octet === 0x2d || octet === 0x2e || octet === 0x5f
}

function kindOf(octet: number): number {
  if (octet >= 0x61 && octet <= 0x7a) return 0x61
  if (octet >= 0x41 && octet <= 0x5a) return 0x41
  return octet >= 0x30 && octet <= 0x39 ? 0x30 : octet
}

/** With its capitals; for explanations. */
function asWritten(octets: Uint8Array, from: number, length: number): string {
  let text = ''
  for (let i = 0; i < length; i++) text += String.fromCharCode(octets[from + i] ?? 0x20)
  return text
}
