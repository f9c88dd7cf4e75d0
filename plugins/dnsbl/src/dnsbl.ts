/** Asks DNS lists about clients and domains; all at the same time, each with its own weight. */
import { isIP } from 'node:net'
import { domainName, networks } from '@postroad/options'
import {
  allowedClient,
  Clock,
  type CommandOpinion,
  Dns,
  defineFact,
  definePlugin,
  opinionOf,
  type Suspect,
  suspect,
} from '@postroad/plugin'
import { List, type Listing } from './list.ts'
import { type DnsblOptions, type ListOptions, options } from './options.ts'

/** A list that knows the client. */
export interface ListedOn {
  readonly zone: string
  readonly codes: readonly string[]
}

/** The lists the client's address is on. Set at `connect`. */
export const dnsListed = defineFact<readonly ListedOn[], 'session'>('dns-listed', 'session')

interface Asked {
  readonly lists: readonly List[]
  readonly what: string
  readonly options: DnsblOptions
  readonly signal: AbortSignal
}

/**
 * DNS block and allow lists, RFC 5782, for the client's address, the domain of the reverse-path and the name in HELO.
 *
 * @example app.use(dnsbl({ lists: [{ zone: 'zen.spamhaus.org', codes: { '127.0.0.2': 'reject', '127.0.0.10/31': 3 } }] }))
 */
export const dnsbl = definePlugin({
  name: 'dnsbl',
  options,
  needs: { dns: Dns, clock: Clock },
  setup({ options, dns, clock, log, signal }) {
    const { failures, pause } = options
    const lists = options.lists.map((list) => new List(list, { dns, log, clock, failures, pause }))
    const by = (of: ListOptions['of']) => lists.filter((list) => list.options.of === of)
    const [clients, senders, helos] = [by('client'), by('sender'), by('helo')]
    const isExempt = networks(options.exempt)
    const test = () => Promise.all(lists.filter((list) => list.options.selfTest).map((list) => list.test(signal)))
    return {
      // A list that is wrong must not decide over the first messages; one that is slow must not delay the start.
      start: () => void test().catch((error) => log.error({ error }, 'the DNS lists could not be tested')),
      ...(clients.length > 0 && {
        connect: {
          after: ['access'],
          provides: [dnsListed],
          async handler({ session, signal, find, set }) {
            const { address } = session.remote
            // A UNIX socket has no address, and a client whom nobody names none that could be asked about.
            if (isIP(address) === 0 || isExempt(address) || find(allowedClient)) return
            const { opinions, listings } = await ask({ lists: clients, what: address, options, signal })
            set(
              dnsListed,
              listings.map(({ zone, codes }) => ({ zone, codes })),
            )
            return opinions
          },
        },
      }),
      // HELO comes again after STARTTLS, and AUTH after it: so its name is looked up when a message comes.
      ...(helos.length + senders.length > 0 && {
        mail: {
          after: ['access'],
          async handler({ helo, envelope, session, signal, find }) {
            if (session.identity || find(allowedClient)) return
            const said = await Promise.all([
              isExempt(session.remote.address)
                ? []
                : askDomain({ lists: helos, what: domainName(helo.name), options, signal }),
              askDomain({ lists: senders, what: envelope.from?.domain, options, signal }),
            ])
            return said.flat()
          },
        },
      }),
      commands: {
        check: {
          summary: 'Asks all lists about an address or a domain',
          usage: '<address | domain>',
          onlyLooks: true,
          async run([what = ''], io) {
            const kind = what.includes(':') || /^[\d.]+$/.test(what) ? clients : [...senders, ...helos]
            for (const list of kind) {
              const found = await list.find(what, io.signal)
              io.row({
                zone: list.options.zone,
                listed: found !== undefined,
                codes: found?.codes.join(' '),
                worth: found?.actions.join(' '),
              })
            }
          },
        },
        test: {
          summary: 'Asks all lists for their test entries, RFC 5782 §5',
          async run(_, io) {
            let wrong = 0
            for (const list of lists) {
              const right = await list.test(io.signal)
              if (!right) wrong++
              io.row({ zone: list.options.zone, right })
            }
            return wrong > 0 ? 1 : 0
          },
        },
      },
    }
  },
})

/** Address literals and the null reverse-path have no domain. */
async function askDomain({
  what,
  ...asked
}: Omit<Asked, 'what'> & { readonly what: string | undefined }): Promise<readonly CommandOpinion[]> {
  if (!what || what.startsWith('[') || asked.lists.length === 0) return []
  return (await ask({ ...asked, what })).opinions
}

async function ask({
  lists,
  what,
  options,
  signal,
}: Asked): Promise<{ opinions: readonly CommandOpinion[]; listings: readonly Listing[] }> {
  const found = await Promise.all(lists.map(async (list) => ({ list, listing: await list.find(what, signal) })))
  const hits = found.flatMap(({ list, listing }) => (listing ? [{ list, listing }] : []))
  const opinions = await Promise.all(hits.map(({ list, listing }) => opinion(list, listing, { what, signal })))
  return { opinions: capped(opinions.flat(), options.cap), listings: hits.map(({ listing }) => listing) }
}

async function opinion(
  list: List,
  listing: Listing,
  { what, signal }: Pick<Asked, 'what' | 'signal'>,
): Promise<readonly CommandOpinion[]> {
  const { text: template, zone } = list.options
  const refuses = listing.actions.some((action) => typeof action === 'string' && action !== 'none')
  const reason = refuses && template.includes('{reason}') ? await list.reason(what, signal) : ''
  const words: Readonly<Record<string, string>> = {
    what: list.options.of === 'client' ? `[${what}]` : what,
    zone,
    reason,
  }
  const text = template.replaceAll(/\{(what|zone|reason)\}/g, (_, word: string) => words[word] ?? '')
  return listing.actions.flatMap(
    (action) => opinionOf(action, { text, reason: `${what} is on ${zone}: ${listing.codes.join(' ')}` }) ?? [],
  )
}

/** Lists copy from each other: being on five of them is not five findings. */
function capped(opinions: readonly CommandOpinion[], cap: number | undefined): readonly CommandOpinion[] {
  const isPoints = (opinion: CommandOpinion): opinion is Suspect => opinion.kind === 'suspect'
  const sum = opinions.filter(isPoints).reduce((total, { points }) => total + points, 0)
  return cap === undefined || sum <= cap
    ? opinions
    : [...opinions, suspect(cap - sum, `DNS lists give ${cap} points at most`)]
}
