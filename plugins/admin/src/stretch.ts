/** Text of strangers, cut into stretches that a page can show without danger: nothing in them is markup, a link, or invisible. */
import type { ApiShape } from '@postroad/admin-api'
import { getDomain } from 'tldts'

/** A stretch of text. */
export type Stretch = ApiShape<'stretch'>

/** Control characters but line ends and tabs; what has no width; what changes the direction of text (CVE-2021-42574). */
const INVISIBLE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb]|[\u17b4\u17b5]|[\u180b-\u180d\u180f]|\u034f|[\u{e0000}-\u{e0fff}]/u
const ALL_INVISIBLE = new RegExp(INVISIBLE, 'gu')
/** What a reader's program would make a link of. */
const URLS = /\bhttps?:\/\/[^\s<>"'\u0000-\u001f]{1,2000}/gi

/** The stretches of a text: links that stand in it lead where they say. */
export function stretches(text: string): Stretch[] {
  const result: Stretch[] = []
  let at = 0
  for (const match of text.matchAll(URLS)) {
    // What ends a sentence is not a part of the address.
    const url = match[0].replace(/[).,;:!?\]]+$/, '')
    pushText(result, text.slice(at, match.index))
    result.push({ kind: 'link', shown: visible(url), target: url, deceives: false })
    at = match.index + url.length
  }
  pushText(result, text.slice(at))
  return result
}

/** A link of HTML: what is shown, and where it leads. */
export function linkStretch(shown: string, target: string): Stretch {
  return { kind: 'link', shown: visible(shown), target: visible(target), deceives: deceives(shown, target) }
}

/** Text without links, as names of files and values of header fields are. */
export function plainStretches(text: string): Stretch[] {
  const result: Stretch[] = []
  pushText(result, text)
  return result
}

/**
 * Whether what is shown looks like another host than where it leads. Hosts are compared by the domain that somebody has registered: otherwise
 * `webmail.example.com` that leads to `login.example.com` cries wolf.
 */
export function deceives(shown: string, target: string): boolean {
  const [, named] =
    /^\s*(?:https?:\/\/)?((?:[\p{L}\p{N}_-]+\.)+[\p{L}]{2,})(?:[/?#:]\S*)?\s*$/iu.exec(shown.slice(0, 500)) ?? []
  if (named === undefined) return false
  const seen = domainOf(`http://${named}`)
  const real = domainOf(target)
  return seen !== undefined && seen !== real
}

function domainOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { hostname } = new URL(url)
  return getDomain(hostname) ?? hostname
}

function pushText(result: Stretch[], text: string): void {
  let at = 0
  for (const match of text.matchAll(ALL_INVISIBLE)) {
    if (match.index > at) result.push({ kind: 'text', text: text.slice(at, match.index) })
    result.push({ kind: 'invisible', codepoint: match[0].codePointAt(0) ?? 0 })
    at = match.index + match[0].length
  }
  if (at < text.length) result.push({ kind: 'text', text: text.slice(at) })
}

/** Characters that nobody sees by their numbers, where there is room for text alone. */
function visible(text: string): string {
  return text.replace(
    ALL_INVISIBLE,
    (one) => `[U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
  )
}
