/** What the header section says of who has written it: dates, identifiers, and names that are meant to mislead. */
import { isUtf8 } from 'node:buffer'
import { domainToUnicode } from 'node:url'
import { looksLike, mixesScripts, opinionsOn, registeredDomain, type Signal, Signals } from '@postroad/content'
import { networks } from '@postroad/options'
import { defineFact, definePlugin, type Message, type MessageContext } from '@postroad/plugin'

import { type HeadersOptions, options } from './options.ts'

/** Kinds of findings. */
export type HeaderSignal =
  | 'noDate'
  | 'future'
  | 'past'
  | 'noMessageId'
  | 'messageId'
  | 'noFrom'
  | 'noRecipients'
  | 'noSubject'
  | 'displayAddress'
  | 'lookalike'
  | 'replyTo'
  | 'rawOctets'
  | 'fakeReply'
  | 'noMimeVersion'
  | 'ownHop'

/** What was found. Set at `message`; empty when nothing was. */
export const headerSignals = defineFact<readonly Signal<HeaderSignal>[]>('headers')

/** How one leaves a mailing list, by what the message says of itself; whether a signature covers the fields is another matter. */
export type ListUnsubscribe = 'one-click' | 'mailto' | 'none'

/** Set at `message`: `one-click` is RFC 8058 (by https), `mailto` an address of RFC 2369; `none`: neither, whatever else is there. */
export const listUnsubscribe = defineFact<ListUnsubscribe>('list.unsubscribe')

/** RFC 5322 §3.6.4, with the freedom that mail programs take: something, an at sign, something. */
const MESSAGE_ID = /^\s*<[^<>@\s]+@[^<>\s]+>\s*$/
const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/
const ADDRESS = /[\w.+-]+@([a-z0-9-]+(?:\.[a-z0-9-]+)+)/i
const REPLY = /^\s*(?:re|aw|sv|antw|odp|vs)\s*(?:\[\d+\])?:/i
const NAME_LENGTH = 500

const isInside = networks([
  '127.0.0.0/8',
  '::1',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
  'fe80::/10',
])

/**
 * Gives points for header fields that no mail program writes, or that pretend to be somebody. The fact `headers` says for what. Fields that
 * are there several times are a matter of the plugin `mime`.
 *
 * @example app.use(headers({ weights: { future: 'reject' }, behind: '30 d' }))
 */
export const headers = definePlugin({
  name: 'headers',
  options,
  setup: ({ options, hostname }) => {
    const freemail = new Set(options.freemail.map((domain) => domain.toLowerCase()))
    return {
      message: {
        provides: [headerSignals, listUnsubscribe],
        handler(context) {
          const signals = new Signals<HeaderSignal>(options.weights)
          const { message } = context
          checkDate(signals, message, { now: context.now(), options })
          checkIdentifiers(signals, message)
          checkFrom(signals, message)
          checkReplies(signals, message, freemail)
          checkOctets(signals, message)
          checkHops(signals, context, hostname)
          context.set(headerSignals, signals.all)
          context.set(listUnsubscribe, exitOf(message))
          return opinionsOn(signals.all, {
            about: 'headers',
            text: ({ signal }) => `The message has a header section that is not taken here: ${signal}`,
          })
        },
      },
    }
  },
})

type Found = Signals<HeaderSignal>

function exitOf({ list }: Message): ListUnsubscribe {
  const uris = list?.unsubscribe ?? []
  if (list?.isOneClick && uris.some((uri) => /^https:/i.test(uri))) return 'one-click'
  return uris.some((uri) => /^mailto:/i.test(uri)) ? 'mailto' : 'none'
}

function checkDate(
  signals: Found,
  { date, headers }: Message,
  { now, options }: { readonly now: number; readonly options: HeadersOptions },
): void {
  const written = headers.get('Date')
  if (!date) signals.add('noDate', written ?? 'no Date')
  else if (date.getTime() > now + options.ahead) signals.add('future', date.toISOString())
  else if (date.getTime() < now - options.behind) signals.add('past', date.toISOString())
}

function checkIdentifiers(signals: Found, { headers, subject }: Message): void {
  const id = headers.get('Message-ID')
  if (id === undefined) signals.add('noMessageId', 'no Message-ID')
  else if (!MESSAGE_ID.test(id)) signals.add('messageId', id)
  if (!headers.has('To') && !headers.has('Cc')) signals.add('noRecipients', 'neither To nor Cc')
  if (subject === undefined) signals.add('noSubject', 'no Subject')
  if (headers.has('Content-Type') && !headers.has('MIME-Version')) signals.add('noMimeVersion', 'no MIME-Version')
}

function checkFrom(signals: Found, { from, list }: Message): void {
  if (!from.some(({ address }) => address)) signals.add('noFrom', from[0]?.text ?? 'no From')
  for (const { name, address } of from) {
    const domain = address?.domain.toLowerCase() ?? ''
    const shownDomain = domain.includes('xn--') ? domainToUnicode(domain) || domain : domain
    const shownName = name?.slice(0, NAME_LENGTH) ?? ''
    if (INVISIBLE.test(shownName) || mixesScripts(shownName)) signals.add('lookalike', shownName)
    // A name that is all of one other script is a name; a domain that looks Latin is not.
    if (mixesScripts(shownDomain) || isLookalike(shownDomain)) signals.add('lookalike', shownDomain)
    const other = ADDRESS.exec(shownName)?.[1]?.toLowerCase()
    // A list writes whom it is from, and sends by itself.
    if (other !== undefined && !list && address && siteOf(other) !== siteOf(domain))
      signals.add('displayAddress', `${shownName} <${address}>`)
  }
}

function isLookalike(domain: string): boolean {
  const looks = looksLike(domain)
  return looks !== undefined && /^[\x20-\x7e]+$/.test(looks)
}

function siteOf(domain: string): string {
  return registeredDomain(domain) ?? domain
}

function checkReplies(
  signals: Found,
  { from, replyTo, subject, headers, list }: Message,
  freemail: ReadonlySet<string>,
): void {
  const sites = new Set(from.map(domainOf))
  const free = replyTo.find((one) => freemail.has(domainOf(one)))
  if (free && !list && !sites.has(domainOf(free)) && ![...sites].some((site) => freemail.has(site)))
    signals.add('replyTo', free.text)
  if (subject !== undefined && REPLY.test(subject) && !headers.has('In-Reply-To') && !headers.has('References'))
    signals.add('fakeReply', subject)
}

function domainOf({ address }: Message['from'][number]): string {
  return address?.domain.toLowerCase() ?? ''
}

const READABLE = new Set(['from', 'to', 'subject'])

function checkOctets(signals: Found, { headers }: Message): void {
  for (const { name, raw } of headers) {
    const isRead = name.length <= 7 && READABLE.has(name.toLowerCase())
    if (isRead && !isAscii(raw) && !isUtf8(raw)) signals.add('rawOctets', name)
  }
}

function isAscii(octets: Uint8Array): boolean {
  for (let at = 0; at < octets.length; at++) if ((octets[at] ?? 0) > 0x7f) return false
  return true
}

/** A field that says "by us" below the one that we have written ourselves. */
function checkHops(signals: Found, { message, session }: MessageContext, hostname: string): void {
  if (isInside(session.remote.address) || session.identity) return
  const ours = hostname.toLowerCase()
  const hops = message.headers.all('Received').map((value) => BY.exec(value.slice(0, 2_000))?.[1]?.toLowerCase())
  if (hops.filter((by) => by === ours).length > 1) signals.add('ownHop', `by ${ours}`)
}

const BY = /\bby\s+([a-z0-9.-]+)/i
