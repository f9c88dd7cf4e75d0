/** What the links of a message lead to, and how they hide it. */
import {
  contentOf,
  type FoundLink,
  linksOf,
  looksLike,
  type MessageLinks,
  mixesScripts,
  opinionsOn,
  type Signal,
  Signals,
} from '@postroad/content'
import { DomainTable } from '@postroad/options'
import { Clock, Dns, defineFact, definePlugin, type MessageOpinion, opinionOf, suspect } from '@postroad/plugin'
import { UrlList, type UrlListing } from './list.ts'
import { options, type UrlsOptions } from './options.ts'
import { LARGE, SHORTENERS } from './site.ts'

export type { UrlListing } from './list.ts'

/** Kinds of findings. */
export type UrlSignal =
  | 'address'
  | 'disguisedAddress'
  | 'user'
  | 'lookalike'
  | 'invisible'
  | 'redirector'
  | 'port'
  | 'labels'
  | 'many'

/** What was found. */
export interface UrlFindings {
  /** Links that were looked at. */
  readonly links: number
  readonly signals: readonly Signal<UrlSignal>[]
  readonly listed: readonly UrlListing[]
  /** Domains and addresses that no list was asked about, because there are more than `lookups` allows. */
  readonly notAsked: number
}

/** What was found about the links. Set at `message`. */
export const urlFindings = defineFact<UrlFindings>('urls')

const LABELS = 7
const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|%e2%80%(?:8b|8e|8f|a[a-e])/i
const TEXT = 'The message has a link that is not taken here'

/**
 * Gives points for tricks in links, and asks lists about their hosts. The fact `urls` says for what. Nothing is ever fetched.
 *
 * @example app.use(urls({ lists: [{ zone: 'multi.surbl.org' }, { zone: 'KEY.dbl.dq.spamhaus.net' }], cap: 8 }))
 */
export const urls = definePlugin({
  name: 'urls',
  options,
  needs: { clock: Clock, dns: Dns },
  setup: ({ options, clock, dns, log }) => {
    const { failures, pause, lookups, cap, weights } = options
    const lists = options.lists.map((list) => new UrlList(list, { dns, clock, log, failures, pause }))
    const skip = new DomainTable(options.skip.map((pattern) => [pattern, true]))
    const isSkipped = (domain: string): boolean => LARGE.has(domain) || skip.find(domain) !== undefined
    return {
      message: {
        provides: [urlFindings],
        async handler({ message, set, signal }) {
          const mime = await contentOf(message)
          if (!mime) return undefined
          const found = linksOf(mime)
          const signals = signalsOf(found, weights)
          const questions = lists.length === 0 ? [] : questionsOf(found, lists, isSkipped)
          const asked = questions.slice(0, lookups)
          const answers = await Promise.all(asked.map(([list, what]) => list.find(what, signal)))
          const listed = answers.filter((listing) => listing !== undefined)
          set(urlFindings, { links: found.links.length, signals, listed, notAsked: questions.length - asked.length })
          return [
            ...opinionsOn(signals, { about: 'urls', text: ({ signal }) => `${TEXT}: ${signal}` }),
            ...opinionsOnListed(listed, cap),
          ]
        },
      },
    }
  },
})

function signalsOf(
  { links, isTruncated }: MessageLinks,
  weights: UrlsOptions['weights'],
): readonly Signal<UrlSignal>[] {
  const signals = new Signals<UrlSignal>(weights)
  for (const link of links) {
    checkHost(signals, link)
    // A picture is not clicked at.
    if (link.element !== 'img') checkWay(signals, link)
  }
  if (isTruncated) signals.add('many', `${links.length} links looked at`)
  return signals.all
}

function checkHost(signals: Signals<UrlSignal>, { url, text, host, shownHost, isAddress }: FoundLink): void {
  if (isAddress) {
    const written = /^[a-z]*:?[\\/]*(?:[^@/\\]*@)?\[?([^\]/\\?#]*)/i.exec(text)?.[1]?.replace(/:\d*$/, '') ?? ''
    const isPlain = host.includes(':') || written === host
    signals.add(isPlain ? 'address' : 'disguisedAddress', text)
  }
  if (url.username.includes('.')) signals.add('user', text)
  if (shownHost !== host) {
    const looks = looksLike(shownHost)
    if (mixesScripts(shownHost) || (looks !== undefined && /^[\x20-\x7e]+$/.test(looks)))
      signals.add('lookalike', `${shownHost} (${host})`)
  }
  if (INVISIBLE.test(text)) signals.add('invisible', text)
  if (!isAddress && host.split('.').length >= LABELS) signals.add('labels', host)
}

function checkWay(signals: Signals<UrlSignal>, { url, text, domain = '', target }: FoundLink): void {
  if (url.port !== '') signals.add('port', text)
  if (SHORTENERS.has(domain)) signals.add('redirector', text)
  else if (target && target.domain !== domain && (target.domain !== undefined || target.isAddress))
    signals.add('redirector', `${domain} → ${target.host}`)
}

/** Whom to ask about what; what is clicked at comes before pictures, and what a redirector leads to counts. */
function questionsOf(
  { links }: MessageLinks,
  lists: readonly UrlList[],
  isSkipped: (domain: string) => boolean,
): readonly (readonly [UrlList, string])[] {
  const domains = new Set<string>()
  const addresses = new Set<string>()
  const clicked = links.filter(({ element }) => element !== 'img')
  for (const link of [...clicked, ...links])
    for (const { domain, isAddress, host } of link.target ? [link, link.target] : [link]) {
      if (isAddress) addresses.add(host)
      else if (domain !== undefined && !isSkipped(domain)) domains.add(domain)
    }
  return [
    ...[...domains].flatMap((domain) => lists.map((list) => [list, domain] as const)),
    ...[...addresses].flatMap((address) =>
      lists.flatMap((list) => (list.takesAddresses ? [[list, address] as const] : [])),
    ),
  ]
}

/** One for each; points of all together are capped. */
function opinionsOnListed(listed: readonly UrlListing[], cap = Number.POSITIVE_INFINITY): readonly MessageOpinion[] {
  let left = cap
  return listed.flatMap(({ zone, what, codes, worth }) =>
    worth.flatMap((action) => {
      const reason = `urls: ${what} is listed by ${zone} (${codes.join(' ')})`
      if (typeof action !== 'number') return opinionOf(action, { text: TEXT, reason }) ?? []
      const points = Math.min(action, left)
      left -= Math.max(0, points)
      return points === 0 ? [] : [suspect(points, reason)]
    }),
  )
}
