/**
 * What plugins do to the header of a message. The library they use keeps fields as strings; a field that was not changed is taken from the
 * octets as received, by its place, so that signatures stay valid.
 */

import { withFields } from '@postroad/message'
import type { HeaderField, Message } from '@postroad/plugin'
import { Header } from 'haraka-email-message'

/** Names that the library drops, because they are keys of every object. */
const UNSAFE = new Set(['.', '..', '__proto__', 'constructor', 'prototype'])

/** The header of one message, as plugins see and change it. */
export class HeaderEdits {
  readonly header: Header
  /** As it was received. */
  readonly message: Message
  readonly #fields: readonly HeaderField[]
  /** The fields that the library knows, with its string for each. */
  readonly #known: readonly { readonly text: string; readonly field: HeaderField }[]

  constructor(message: Message, header: Header = new Header()) {
    this.header = header
    this.message = message
    this.#fields = [...message.headers]
    const shown = this.#fields.filter(({ name }) => name !== '' && !UNSAFE.has(name.toLowerCase()))
    // Fields that plugins added before the message was there come after those of the message, as in Haraka.
    const early = header.header_list.splice(0)
    header.parse(shown.map(({ raw }) => asText(raw)))
    const isInStep = header.header_list.length === shown.length
    this.#known = isInStep ? shown.map((field, place) => ({ text: header.header_list[place] ?? '', field })) : []
    header.header_list.push(...early)
  }

  /** The fields as they are now: those as received, and the octets of new ones. */
  fields(): readonly (HeaderField | Uint8Array)[] {
    const kept = this.#match()
    const isGone = new Set(this.#known.map(({ field }) => field))
    for (const one of kept) if (typeof one !== 'string') isGone.delete(one)
    // What the library was not shown stays where it was: below the field that was above it.
    const hidden = new Map<HeaderField | undefined, HeaderField[]>()
    let above: HeaderField | undefined
    const shown = new Set(this.#known.map(({ field }) => field))
    for (const field of this.#fields) {
      if (shown.has(field)) {
        if (!isGone.has(field)) above = field
      } else hidden.set(above, [...(hidden.get(above) ?? []), field])
    }
    const first = kept.findIndex((one) => typeof one !== 'string')
    const out: (HeaderField | Uint8Array)[] = []
    for (const [place, one] of kept.entries()) {
      if (place === Math.max(first, 0)) out.push(...(hidden.get(undefined) ?? []))
      out.push(typeof one === 'string' ? octetsOf(one) : one)
      if (typeof one !== 'string') out.push(...(hidden.get(one) ?? []))
    }
    return kept.length === 0 ? (hidden.get(undefined) ?? []) : out
  }

  /** Whether anything is not as it was received. */
  get isChanged(): boolean {
    const { header_list: list } = this.header
    return list.length !== this.#known.length || list.some((text, place) => text !== this.#known[place]?.text)
  }

  /** The octets of the section as it is now, a field each. */
  octets(): readonly Uint8Array[] {
    return this.fields().map((field) => (field instanceof Uint8Array ? field : field.raw))
  }

  /** The message with these fields; as it was received when none has changed. */
  applied(): Message {
    if (!this.isChanged) return this.message
    const fields = this.fields()
    const top = fields.findIndex((field) => !(field instanceof Uint8Array))
    return withFields(this.message, fields, Math.max(top, 0))
  }

  /** Lines of the library's list: the field each stands for, or its text where it is new. Both are in the same order. */
  #match(): readonly (HeaderField | string)[] {
    let next = 0
    return this.header.header_list.map((text) => {
      for (let place = next; place < this.#known.length; place++) {
        const known = this.#known[place]
        if (known?.text !== text) continue
        next = place + 1
        return known.field
      }
      return text
    })
  }
}

function asText(raw: Uint8Array): string {
  return Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('utf8').replace(/\r\n/g, '\n')
}

function octetsOf(text: string): Uint8Array {
  const lines = text.replace(/\r?\n/g, '\r\n')
  return Buffer.from(lines.endsWith('\r\n') ? lines : `${lines}\r\n`, 'utf8')
}
