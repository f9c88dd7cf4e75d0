/** Writes down how deliveries ended, together with what has to be told of it; goes on trying, because the alternative is to deliver again. */
import type { MessageSource } from '@postroad/mail'
import type { Claim } from '../model.ts'
import type { Transition } from '../state.ts'
import { type NewMessage, QueueError, type SettleResult } from '../store.ts'
import { lateNews, type News, owedNews } from './gather.ts'
import type { EngineOptions } from './options.ts'
import type { PutBack } from './put-back.ts'
import { isFor, report, unreturned } from './reporter.ts'

/** Milliseconds between tries to write down what happened, when the store fails. */
const SETTLE_RETRY_MS = 1_000

/** What became of an end, and the notifications that are now durable. */
export type Settled = readonly [result: SettleResult, spawned: readonly NewMessage[]]

/** Ends claims in the store, with the notifications that become durable in the same step. */
export class Settler {
  readonly #options: EngineOptions
  readonly #putBack: PutBack
  readonly #closing: AbortSignal

  constructor(options: EngineOptions, putBack: PutBack, closing: AbortSignal) {
    this.#options = options
    this.#putBack = putBack
    this.#closing = closing
  }

  /** Ends an attempt. */
  async end(claim: Claim, transition: Transition, source: MessageSource): Promise<Settled> {
    const { state, reports } = transition
    const lost = unreturned(claim, transition)
    if (lost.length > 0) return this.#settle({ ends: [{ claim, state }], reports: lost }, source, lost.length)
    const own: News = { ends: [{ claim, state }], reports: reports.map((each) => ({ ...each, delivery: claim.index })) }
    const late = claim.message.deliveries.length > 1 && reports.some(({ action }) => action === 'delayed') ? await this.#late(claim) : []
    if (late.length === 0) return this.#settle(own, source)
    const settled = await this.#settle(together([own, ...late]), source).catch(async (error: unknown) => {
      await this.#giveBack(late)
      throw error
    })
    if (settled[0] !== 'lost') return settled
    // Perhaps it was one of the others.
    await this.#giveBack(late)
    return this.#settle(own, source)
  }

  /** Tells the sender what deliveries of one message owe. */
  async tell(claims: readonly Claim[]): Promise<Settled> {
    const [first] = claims
    if (!first) return ['lost', []]
    const news = await owedNews(this.#options.store, claims)
    try {
      const settled = await this.#settle(news, this.#options.store.body(first.message))
      if (settled[0] === 'lost') await this.#giveBack([news])
      return settled
    } catch (error) {
      // Those that were given to us are for whoever gave them to put back.
      await this.#giveBack([{ ...news, ends: news.ends.filter(({ claim }) => !claims.includes(claim)) }])
      throw error
    }
  }

  /** To tell less is better than to lose what has happened. */
  async #late(claim: Claim): Promise<News[]> {
    try {
      const news = await lateNews(this.#options, claim, this.#options.clock.now())
      return news.ends.length === 0 ? [] : [news]
    } catch (error) {
      this.#options.log.warn({ error, id: claim.message.id }, 'other late deliveries of a message could not be looked for')
      return []
    }
  }

  async #giveBack(news: readonly News[]): Promise<void> {
    const claims = news.flatMap(({ ends }) => ends.map(({ claim }) => claim))
    await this.#putBack.give(claims, { kind: 'scheduled', at: this.#options.clock.now() })
  }

  async #settle({ ends: [first, ...also], reports }: News, source: MessageSource, unreturned = 0): Promise<Settled> {
    const { store, clock, log, hostname, returnLimit, routeReport, postmaster } = this.#options
    if (!first) return ['lost', []]
    const now = clock.now()
    const { message } = first.claim
    const options = { hostname, returnLimit, route: routeReport }
    const to = unreturned > 0 && postmaster && !isFor(postmaster, message) ? postmaster : undefined
    let spawn: readonly NewMessage[] | undefined = reports.length === 0 ? [] : undefined
    for (;;) {
      try {
        // What cannot be read now, for want of a descriptor, does not undo what has happened.
        spawn ??= await report({ message, reports, source, now, to }, options)
        const result = await store.settle({ ...first, also, spawn, now, ...(unreturned > 0 && { unreturned }) })
        return [result, result === 'lost' ? [] : spawn]
      } catch (error) {
        if (this.#closing.aborted || (error instanceof QueueError && error.code === 'ERR_QUEUE_CORRUPT')) throw error
        log.error({ error, id: message.id }, 'the end of an attempt could not be stored; trying again')
        await new Promise<void>((resolve) => clock.after(SETTLE_RETRY_MS, resolve))
      }
    }
  }
}

function together(news: readonly News[]): News {
  return { ends: news.flatMap(({ ends }) => ends), reports: news.flatMap(({ reports }) => reports) }
}
