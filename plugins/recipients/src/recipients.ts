/** Refuses recipients that do not exist, so that their mail is not taken and bounced to an innocent third party. */
import { lookupDesk, openDirectory } from '@postroad/directory'
import { DomainTable } from '@postroad/options'
import {
  type Address,
  Clock,
  type CommandOpinion,
  defer,
  definePlugin,
  knownRecipient,
  reject,
  Store,
} from '@postroad/plugin'
import { options, type RecipientsOptions } from './options.ts'
import { openSources, type Source, type SourceAnswer } from './source.ts'

const KEY = 'recipients:'

/**
 * Knows who exists in some domains, of lists, files, an HTTP service or another mail server. A recipient exists when one of
 * them says so.
 *
 * @example app.use(recipients({ domains: ['example.com'], callout: { protocol: 'lmtp', path: '/run/dovecot/lmtp' } }))
 */
export const recipients = definePlugin({
  name: 'recipients',
  options,
  needs: { store: Store, clock: Clock },
  async setup(setup) {
    const { options, store, log, hostname, resolve } = setup
    const { users, files, from, http, callout } = options
    if (!users && files.length === 0 && !from && !http && !callout)
      throw new TypeError('recipients: needs one of "users", "files", "from", "http" and "callout"')
    const onError = (source: string, error: unknown) =>
      log.warn({ source, error }, 'a source of recipients cannot be asked')
    const directory = from && (await openDirectory(from, setup))
    const sources = await openSources({ options, hostname, directory, onError, resolve })
    const domains = new DomainTable(options.domains.map((pattern) => [pattern, true]))
    const always = new Set(options.always.map((local) => local.toLowerCase()))
    const inquiry = new Inquiry(sources, store, options)
    return {
      ...(directory && { start: () => directory.start(), desks: [lookupDesk([directory])] }),
      rcpt: {
        after: ['access', 'routing'],
        points: false,
        timeout: 2 * options.timeout + 1_000,
        async handler({ recipient, signal, find }) {
          if (!domains.find(recipient.domain) || always.has(recipient.local.toLowerCase()) || find(knownRecipient))
            return
          return opinion(await inquiry.ask(recipient, signal), options)
        },
      },
      commands: {
        check: {
          summary: 'Says whether an address exists, and who says so',
          usage: '<address>',
          onlyLooks: true,
          async run([text = ''], io) {
            const at = text.lastIndexOf('@')
            const address = {
              local: text.slice(0, at),
              domain: text.slice(at + 1).toLowerCase(),
              isInternational: false,
              toString: () => text,
            }
            for (const [index, source] of sources.entries())
              io.row({ source: index, remote: source.isRemote, answer: await source.ask(address, io.signal) })
          },
        },
        forget: {
          summary: 'Forgets what was learned of an address, or of all',
          usage: '[address]',
          async run([address = ''], io) {
            let count = 0
            for await (const [key] of store.entries(`${KEY}${address.toLowerCase()}`, io.signal))
              if (await store.delete(key)) count++
            io.row({ forgotten: count })
          },
        },
      },
      async close() {
        for (const source of sources) await source.close?.()
      },
    }
  },
})

function opinion(answer: SourceAnswer, { text, unavailable }: RecipientsOptions): CommandOpinion | undefined {
  if (answer === 'exists' || (answer === 'unavailable' && unavailable === 'accept')) return undefined
  if (answer === 'unknown') return reject(text, { status: '5.1.1' })
  return defer('Recipient cannot be verified now, try again later', { status: '4.4.3' })
}

/** Asks each source in turn, the near ones first; one question at a time for one address. */
class Inquiry {
  readonly #near: readonly Source[]
  readonly #remote: readonly Source[]
  readonly #store: Store
  readonly #options: RecipientsOptions
  readonly #asking = new Map<string, Promise<SourceAnswer>>()

  constructor(sources: readonly Source[], store: Store, options: RecipientsOptions) {
    this.#near = sources.filter((source) => !source.isRemote)
    this.#remote = sources.filter((source) => source.isRemote)
    this.#store = store
    this.#options = options
  }

  async ask(address: Address, signal: AbortSignal): Promise<SourceAnswer> {
    const near = await this.#first(this.#near, address, signal)
    if (near === 'exists' || this.#remote.length === 0) return near
    const key = `${KEY}${address.toString().toLowerCase()}`
    const kept = await this.#store.get(key, signal)
    if (kept === 'exists' || kept === 'unknown') return kept
    // Several sessions may want to know the same; the question outlives the one that asked first.
    let asking = this.#asking.get(key)
    if (!asking) {
      asking = this.#askRemote(address, key).finally(() => this.#asking.delete(key))
      this.#asking.set(key, asking)
    }
    return asking
  }

  async #askRemote(address: Address, key: string): Promise<SourceAnswer> {
    const answer = await this.#first(this.#remote, address, AbortSignal.timeout(2 * this.#options.timeout))
    if (answer !== 'unavailable') await this.#store.set(key, answer, this.#options.cache[answer])
    return answer
  }

  async #first(sources: readonly Source[], address: Address, signal: AbortSignal): Promise<SourceAnswer> {
    let result: SourceAnswer = 'unknown'
    for (const source of sources) {
      const answer = await source.ask(address, signal)
      if (answer === 'exists') return answer
      if (answer === 'unavailable') result = answer
    }
    return result
  }
}
