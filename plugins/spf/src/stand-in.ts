/**
 * What the npm package mailauth (7.1.0) cannot take is put into a form that it can, and what comes back is put right again: names
 * that are no host names (`bounce_1.shop.example`), and delimiters of macros that would become a range of characters.
 */
import type { NodeResolver } from '@postroad/mailauth'

/** A label of the DNS that senders use though no host may have it, RFC 952: with an underscore, or a hyphen at an end. */
const ODD = /^(?=.*_|-|.*-$)[a-z0-9_-]+$/
/** RFC 7208 §7.1: a macro with delimiters. */
const MACRO = /(%\{[a-z]\d*r?)([.+,/_=-]+)\}/gi

/** How a check is to be asked, and its answer read. */
export interface StandIn {
  readonly domain: string
  readonly resolver: NodeResolver
  /** A text of the answer, with the names as they are. */
  restore(text: string): string
}

/** @param domain lower-case A-labels */
export function standIn(domain: string, resolver: NodeResolver): StandIn {
  const odd = [...new Set(domain.split('.').filter((label) => ODD.test(label)))]
  if (odd.length === 0) return { domain, resolver: withOrder(resolver), restore: (text) => text }
  const names = new Map(odd.map((label, index) => [label, token(index)]))
  const labels = new Map(odd.map((label, index) => [token(index), label]))
  const restore = (text: string): string => text.replace(TOKEN, (found) => labels.get(found.toLowerCase()) ?? found)
  const hide = (text: string, words = WORD): string =>
    text.replace(words, (word) => names.get(word.toLowerCase()) ?? word)
  const ask = withOrder(async (name, type) => {
    const records = await resolver(restore(name), type)
    // What is compared with the domain, RFC 7208 §5.5, must have its other name, too, where it comes from DNS and where a record spells it out.
    if (type === 'PTR') return (records as string[]).map((name) => hide(name)) // `as`: what PTR records are
    return type === 'TXT' ? (records as string[][]).map((strings) => strings.map((text) => hide(text, NAMED))) : records // `as`: what TXT records are
  })
  return { domain: hide(domain), resolver: ask, restore }
}

/** RFC 7208 §4.6.4. */
const MAX_HOSTS = 10

/**
 * What holds for every answer before it is read. More than ten hosts are an error whichever comes first: their order changes from answer to
 * answer, and the result must not. RFC 7208 §7.3: delimiters are a set; at its end a hyphen is one of them, between two others it would stand for all that lies between. */
function withOrder(resolver: NodeResolver): NodeResolver {
  return async (name, type) => {
    const records = await resolver(name, type)
    if (type === 'MX' && records.length > MAX_HOSTS) throw tooManyHosts(name)
    if (type !== 'TXT') return records
    return (records as string[][]).map((strings) => strings.map(order)) // `as`: what TXT records are
  }
}

/** In the form in which the library tells a permerror. */
function tooManyHosts(name: string): Error {
  const text = `${name} has more than ${MAX_HOSTS} MX records`
  return Object.assign(new Error(text), { spfResult: { error: 'permerror', text } })
}

function order(text: string): string {
  if (!text.includes('%{')) return text
  return text.replace(MACRO, (macro, start: string, delimiters: string) =>
    delimiters.includes('-') ? `${start}${delimiters.replaceAll('-', '')}-}` : macro,
  )
}

/** A label, or what else stands between these. */
const WORD = /[^.:/= ]+/g
/** The same within a name of a record; `-all` by itself is a term, whatever the domain is called. */
const NAMED = /(?<=[.:=])[^.:/= ]+/g
const TOKEN = /zzq[a-z]{2}qzz/gi

/** A label that a host may have, and none has. */
function token(index: number): string {
  return `zzq${letter(Math.floor(index / 26))}${letter(index % 26)}qzz`
}

function letter(index: number): string {
  return String.fromCharCode(0x61 + index)
}
