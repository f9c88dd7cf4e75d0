/** Tells recipients what is kept of their mail: at its times, once each, and when an operator asks for it. */
import { parseAddress } from '@postroad/mail'
import type { TokenKeys } from '@postroad/options'
import type { Lock, Logger, QuarantineDesk, Queue, Store } from '@postroad/plugin'
import type { DigestOptions } from '../options.ts'
import type { Vault } from '../vault.ts'
import { collect, type DigestContent, type DigestItem, owners } from './collect.ts'
import { digestMark, type LinkAction, signLink } from './link.ts'
import { type DigestMail, digestId, encodeDigest, writeDigest } from './mail.ts'
import { LINK_PATH } from './routes.ts'
import { lastDue } from './schedule.ts'
import { submit } from './submit.ts'

/** What it works on. */
export interface DigestDeps {
  readonly vault: Vault
  readonly store: Store
  readonly lock: Lock
  readonly queue: Queue
  readonly clock: { now(): number; sleep(ms: number, signal?: AbortSignal): Promise<void> }
  readonly log: Logger
  readonly hostname: string
  readonly keys: TokenKeys
  readonly options: DigestOptions
}

const MINUTE = 60_000
/** What came just before the time is written down by then: keeping a message may take a minute. */
const SETTLE_MS = 90_000
/** After a round in which somebody's digest was not taken. */
const AGAIN_MS = 5 * MINUTE
/** As long nobody takes over from a process that was killed; one that lives prolongs it. */
const LOCK_MS = 15_000
/** Longer than the longest time between two rounds. */
const TOLD_MS = 15 * 86_400_000
/** Digests on their way at the same time. */
const AT_ONCE = 4

/** The last time whose round is over. */
const DONE = 'quarantine:digest:done'
/** By recipient: what came until then has been told. */
const TOLD = 'quarantine:digest:told:'

/** What a desk offers. */
type Offered = NonNullable<QuarantineDesk['digests']>
type AskedDigest = Parameters<Offered['preview']>[1]

/** What became of one. */
type Fate = 'taken' | 'refused' | 'later'

/** The digests of one quarantine. */
export class Digests implements Offered {
  readonly #deps: DigestDeps
  readonly #ownerOf: (address: string) => string | undefined
  #restingUntil = 0

  constructor(deps: DigestDeps) {
    this.#deps = deps
    this.#ownerOf = owners(deps.options)
  }

  /** Whose digest mail for this address is in; undefined: nobody's. */
  ownerOf(address: string): string | undefined {
    return this.#ownerOf(address)
  }

  /** Until the signal is aborted. Does not reject. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    while (!signal.aborted) {
      try {
        const sent = await this.round(signal)
        await clock.sleep(sent === undefined ? LOCK_MS : MINUTE, signal)
      } catch (error) {
        if (signal.aborted) return
        log.warn({ error }, 'the digests of the quarantine could not be sent')
        await clock.sleep(MINUTE, signal).catch(() => undefined) // aborted: the loop ends
      }
    }
  }

  /** Sends what is due now; resolves to how many digests were taken, undefined when another process is at it. */
  async round(signal: AbortSignal): Promise<number | undefined> {
    const { lock, clock } = this.#deps
    if (clock.now() < this.#restingUntil) return 0
    return await lock.tryWith('quarantine:digest', LOCK_MS, (lost) => this.#round(AbortSignal.any([lost, signal])))
  }

  async preview(recipient: string, { all = false, signal }: AskedDigest): ReturnType<Offered['preview']> {
    const content = await this.#contentFor(recipient, { all, signal })
    if (content === undefined) return undefined
    const { hostname } = this.#deps
    // Whoever looks has no use for links that work, and the log of a terminal is no place for them.
    const mail = this.#mailOf(content, {
      until: this.#deps.clock.now(),
      linkOf: (_, action) => this.#base(`…${action}`),
    })
    return {
      to: content.owner,
      messages: content.total,
      messageId: digestId({ ...mail, hostname }),
      ...writeDigest(mail),
    }
  }

  async send(recipient: string, { all = false, signal }: AskedDigest): ReturnType<Offered['send']> {
    const content = await this.#contentFor(recipient, { all, signal })
    if (content === undefined) return undefined
    const now = this.#deps.clock.now()
    const [fate, reply] = await this.#deliver(content, now, signal)
    // What is being written down at this moment is told the next time, perhaps again.
    if (fate === 'taken') await this.#told(content.owner, now - SETTLE_MS)
    return { to: content.owner, messages: content.total, sent: fate === 'taken', reply }
  }

  async #round(signal: AbortSignal): Promise<number> {
    const { clock, store, vault, options, log } = this.#deps
    const now = clock.now()
    const due = lastDue(now - SETTLE_MS, options)
    const done = Number((await store.get(DONE)) ?? Number.NaN)
    // The first time, and when the clock has been set back: what is there already is not news.
    if (!(done <= now)) await store.set(DONE, String(due))
    if (!(done < due)) return 0
    const found = await collect(vault.list(signal), {
      ownerOf: this.#ownerOf,
      since: async (owner) => Math.max(done, await this.#toldUntil(owner)),
      until: due,
      now,
      most: options.most,
    })
    const rest = found.values()
    let taken = 0
    let isLater = false
    const work = async (): Promise<void> => {
      for (const content of rest) {
        signal.throwIfAborted()
        const [fate] = await this.#deliver(content, due, signal)
        if (fate === 'taken') taken++
        // Written down after it was taken: who is killed between the two sends it again, under the same Message-ID.
        if (fate === 'later') isLater = true
        else await this.#told(content.owner, due)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    if (isLater) this.#restingUntil = clock.now() + AGAIN_MS
    else await store.set(DONE, String(due))
    if (taken > 0) log.info({ digests: taken, recipients: found.size }, 'digests of the quarantine were sent')
    return taken
  }

  async #contentFor(
    recipient: string,
    { all, signal }: { readonly all: boolean; readonly signal: AbortSignal },
  ): Promise<DigestContent | undefined> {
    const { vault, clock, options, store } = this.#deps
    const owner = this.#ownerOf(recipient)
    if (owner === undefined) return undefined
    const done = Number((await store.get(DONE)) ?? 0)
    const now = clock.now()
    const found = await collect(vault.list(signal), {
      ownerOf: this.#ownerOf,
      since: async () => (all ? 0 : Math.max(done, await this.#toldUntil(owner))),
      until: now,
      now,
      most: options.most,
      only: owner,
    })
    return found.get(owner) ?? { owner, items: [], total: 0 }
  }

  async #deliver(content: DigestContent, until: number, signal: AbortSignal): Promise<readonly [Fate, string]> {
    const { keys, hostname, options, log, clock, queue } = this.#deps
    const to = parseAddress(content.owner, { smtputf8: true })
    const [key] = await keys.all()
    if (to === undefined || key === undefined) return ['refused', 'not an address']
    if (content.total === 0) return ['refused', 'there is nothing new']
    const mail = this.#mailOf(content, {
      until,
      linkOf: ({ entry, address }, action) => {
        const expires = Math.min(clock.now() + options.life, entry.expiresAt)
        return this.#base(signLink({ action, id: entry.id, address, expires }, key))
      },
    })
    const octets = encodeDigest(mail, digestMark(digestId(mail), content.owner, key))
    const from = options.returnPath === '' ? undefined : parseAddress(options.returnPath)
    const reply = await submit({ at: options.submit, queue, hostname, from, to, octets, signal })
    const said = `${reply.code} ${reply.text}`
    const fate = reply.code < 300 ? 'taken' : reply.code < 500 ? 'later' : 'refused'
    const about = { to: content.owner, messages: content.total, reply: said }
    if (fate === 'taken') log.info(about, 'a digest was handed in')
    else log.warn(about, fate === 'later' ? 'a digest could not be handed in yet' : 'a digest was not taken')
    return [fate, said]
  }

  #mailOf(
    content: DigestContent,
    given: { readonly until: number; linkOf(item: DigestItem, action: LinkAction): string },
  ): DigestMail {
    const { hostname, options, clock } = this.#deps
    const { from, name, timeZone, actions } = options
    return { ...content, ...given, hostname, from, name, timeZone, actions, date: clock.now() }
  }

  #base(link: string): string {
    return `${this.#deps.options.url.replace(/\/+$/, '')}${LINK_PATH}/${link}`
  }

  async #toldUntil(owner: string): Promise<number> {
    return Number((await this.#deps.store.get(TOLD + owner)) ?? 0)
  }

  async #told(owner: string, until: number): Promise<void> {
    const before = await this.#toldUntil(owner)
    await this.#deps.store.set(TOLD + owner, String(Math.max(before, until)), TOLD_MS)
  }
}
