/** The links of a message, from its text and its HTML, as a click would take them: each with its host and what somebody has registered for it. */
import { isIP } from 'node:net'
import { domainToUnicode } from 'node:url'
import type { Mime } from '@postroad/mail'
import { LinkifyIt } from 'linkify-it'
import { getDomain } from 'tldts'
import { type HtmlDocument, htmlOf } from './html-document.ts'
import { remembered } from './remembered.ts'

/** A link. */
export interface FoundLink {
  /** As written, at most 2,048 characters. */
  readonly text: string
  readonly url: URL
  /** Lower-case A-labels, or an address (IPv6 without brackets). */
  readonly host: string
  /** The host with U-labels. */
  readonly shownHost: string
  /** What somebody has registered, by the public suffix list: `example.co.uk`; undefined for addresses and names without a suffix. */
  readonly domain: string | undefined
  readonly isAddress: boolean
  readonly from: 'text' | 'html'
  /** The element of HTML it stands in; `''` for text. */
  readonly element: string
  /** Of an `a`: what is shown. */
  readonly shown: string
  /** Another link in its query: where a redirector would go to. */
  readonly target: FoundLink | undefined
}

/** All links. */
export interface MessageLinks {
  /** One for each address, as often as it is there. */
  readonly links: readonly FoundLink[]
  /** Links of other schemes: `javascript:`, `data:`; lower-case, without what follows. */
  readonly schemes: readonly string[]
  /** There is more than was looked at. */
  readonly isTruncated: boolean
}

const LINKS = 500
const LENGTH = 2_048
/** Characters of text in which links are looked for. */
const TEXT = 262_144

/** Links of text, the same ones too, after which nobody looks for more. */
const MATCHES = 2_000
const PIECE = 16_384

const finder = new LinkifyIt({ fuzzyLink: true, fuzzyEmail: false, urlAuth: true, maxLength: LENGTH })

/** The links of a message, read once for all plugins. */
export const linksOf: (mime: Mime) => MessageLinks = remembered('links', readLinks)

function readLinks(mime: Mime): MessageLinks {
  const html = htmlOf(mime)
  const found = new Found()
  if (html) found.addHtml(html)
  // Text of HTML is what `html` has: looked through for addresses that are no links.
  const { text } = mime
  found.addText(text.length > TEXT ? text.slice(0, TEXT) : text)
  return {
    links: found.links,
    schemes: [...found.schemes],
    isTruncated: found.isFull || text.length > TEXT || mime.isTruncated || (html?.isTruncated ?? false),
  }
}

class Found {
  readonly links: FoundLink[] = []
  readonly schemes = new Set<string>()
  isFull = false
  readonly #seen = new Set<string>()

  addHtml({ links, base, forms, refresh }: HtmlDocument): void {
    const root = base === undefined ? undefined : parsed(base)
    for (const { element, href, text } of links) this.#add(href, { from: 'html', element, shown: text.trim() }, root)
    for (const action of forms) if (action !== '') this.#add(action, { from: 'html', element: 'form', shown: '' }, root)
    if (refresh !== undefined) this.#add(refresh, { from: 'html', element: 'meta', shown: '' }, root)
  }

  addText(text: string): void {
    // Most text has none, and says so by not having these.
    if (!text.includes('.') && !text.includes('://')) return
    // Piece by piece, so that what is found ends the search: a link costs more to find than to look at.
    let matches = 0
    for (let start = 0; start < text.length && !this.isFull; ) {
      const end = pieceEnd(text, start)
      for (const { url, schema } of finder.match(text.slice(start, end)) ?? []) {
        this.isFull ||= ++matches > MATCHES
        if (this.isFull) return
        if (schema !== 'mailto:')
          this.#add(schema === '//' ? `http:${url}` : url, { from: 'text', element: '', shown: '' })
      }
      start = end
    }
  }

  #add(href: string, place: Pick<FoundLink, 'from' | 'element' | 'shown'>, base?: URL): void {
    const scheme = /^([a-z][a-z0-9+.-]{1,30}):/i.exec(href)?.[1]?.toLowerCase()
    if (scheme !== undefined && !/^(?:https?|ftp)$/.test(scheme)) {
      if (scheme !== 'mailto' && scheme !== 'cid' && scheme !== 'tel') this.schemes.add(schemeOf(scheme, href))
      return
    }
    // The text that is shown differs, and is of interest.
    const key = `${href}\n${place.shown}`
    if (href === '' || href.startsWith('#') || this.#seen.has(key)) return
    if (this.links.length >= LINKS) {
      this.isFull = true
      return
    }
    this.#seen.add(key)
    const link = readLink(href, { ...place, base })
    if (link) this.links.push(link)
  }
}

function schemeOf(scheme: string, href: string): string {
  return scheme === 'data' ? (/^data:[\w.+/-]{0,80}/i.exec(href)?.[0].toLowerCase() ?? 'data:') : `${scheme}:`
}

/** Where it stands. */
interface Place extends Pick<FoundLink, 'from' | 'element' | 'shown'> {
  readonly base?: URL | undefined
  /** It stands in the query of another one. */
  readonly isInner?: boolean
}

/** Reads one link as browsers do: numbers for an address, percent signs in a host, backslashes. Undefined when it leads nowhere. */
export function readLink(
  href: string,
  { from, element, shown, base, isInner = false }: Place = { from: 'text', element: '', shown: '' },
): FoundLink | undefined {
  const text = href.slice(0, LENGTH)
  const url = parsed(text, base)
  if (!url || url.hostname === '') return undefined
  const { host, shownHost, domain, isAddress } = hostOf(url.hostname)
  return {
    text,
    url,
    host,
    shownHost,
    domain,
    isAddress,
    from,
    element,
    shown,
    target: isInner ? undefined : targetOf(url),
  }
}

type Host = Pick<FoundLink, 'host' | 'shownHost' | 'domain' | 'isAddress'>

/** Those of the last messages: most links of a message lead to the same few. */
const hosts = new Map<string, Host>()
const HOSTS = 500
/** RFC 1035 §3.1; what is longer is not kept. */
const NAME = 253

function hostOf(hostname: string): Host {
  const before = hosts.get(hostname)
  if (before) return before
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const isAddress = isIP(host) > 0
  const shownHost = host.includes('xn--') ? domainToUnicode(host) || host : host
  const facts = { host, shownHost, domain: isAddress ? undefined : registeredDomain(host), isAddress }
  if (hosts.size >= HOSTS) hosts.clear()
  if (hostname.length <= NAME) hosts.set(hostname, facts)
  return facts
}

/** What somebody has registered a host under, by the public suffix list, private suffixes too (`x.github.io`); undefined when it is not below a suffix. */
export function registeredDomain(host: string): string | undefined {
  return getDomain(host, DOMAIN) ?? undefined
}

const DOMAIN = { allowPrivateDomains: true, extractHostname: false, validateHostname: false, detectIp: false }

function parsed(text: string, base?: URL): URL | undefined {
  return URL.parse(/^\/\//.test(text) && !base ? `http:${text}` : text, base?.href) ?? undefined
}

/** One level: a link within a link, behind any parameter or as the end of the path. */
function targetOf(url: URL): FoundLink | undefined {
  if (url.search.length + url.pathname.length < 12) return undefined
  const inner = /(?:https?:\/\/|https?%3a%2f%2f)[^&\s"'<>]{4,}/i.exec(`${url.search} ${url.pathname} ${url.hash}`)?.[0]
  if (inner === undefined) return undefined
  return readLink(inner.includes('%') && !inner.includes('://') ? unescaped(inner) : inner, {
    from: 'html',
    element: '',
    shown: '',
    isInner: true,
  })
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a percent sign that is none: taken as it is
  }
}

/** Between words where there is a place for it: no link goes over white space. */
function pieceEnd(text: string, start: number): number {
  const most = start + PIECE
  if (most >= text.length) return text.length
  for (let at = most; at > most - LENGTH; at--) if (text.charCodeAt(at) <= 0x20) return at
  return most
}
