/** Which server is asked when, how long each has, and what is done when one does not answer. */

import { channel } from 'node:diagnostics_channel'
import type { Clock } from '@postroad/plugin'
import type { RecordType } from './asker.ts'
import type { DnsExchange } from './exchange.ts'
import { type DnsReply, makeQuery, type Query } from './packet.ts'
import type { DnsServer } from './servers.ts'

/** How patient to be; see `DnsOptions`. */
export interface Patience {
  readonly attemptMs: number
  readonly timeoutMs: number
  readonly rounds: number
}

/** What was sent and what came of it. */
export interface UpstreamStats {
  sent: number
  tcp: number
  timeouts: number
  /** SERVFAIL, REFUSED and the like. */
  failures: number
  unreachable: number
}

/** What one lookup has come to: a reply that can be used, or why there is none. */
export type LookupOutcome =
  | { readonly reply: DnsReply }
  | { readonly failure: 'SERVFAIL' | 'REFUSED' | 'TIMEOUT'; readonly cause?: unknown }

/** A server that did not answer is asked last for this long. */
const DEMOTED_MS = 30_000

/** Why a deadline is no longer of interest; not an error, which would cost a stack for each query. */
const ANSWERED = 'answered'

/** Every query to a server is published here when it is over: `{ type, name, server, ms, code }`. */
const queries = channel('postroad:dns')

/** Asks a list of servers. */
export class Upstream {
  readonly stats: UpstreamStats = { sent: 0, tcp: 0, timeouts: 0, failures: 0, unreachable: 0 }
  readonly #servers: { readonly server: DnsServer; demotedUntil: number }[]
  readonly #patience: Patience
  readonly #exchange: DnsExchange
  readonly #clock: Clock

  constructor(
    servers: readonly DnsServer[],
    patience: Patience,
    by: { readonly exchange: DnsExchange; readonly clock: Clock },
  ) {
    this.#servers = servers.map((server) => ({ server, demotedUntil: 0 }))
    this.#patience = patience
    this.#exchange = by.exchange
    this.#clock = by.clock
  }

  /** Never rejects. Takes at most `timeoutMs`. */
  async ask(type: RecordType, name: string): Promise<LookupOutcome> {
    const deadline = this.#clock.now() + this.#patience.timeoutMs
    let outcome: LookupOutcome = { failure: 'TIMEOUT' }
    // RFC 9520 §3.1: a server that said it cannot is not asked again; one that said nothing may have lost the packet.
    const silent = new Set(this.#servers)
    for (let round = 0; round < this.#patience.rounds && silent.size > 0; round++) {
      for (const entry of this.#inOrder()) {
        const left = deadline - this.#clock.now()
        if (left <= 0) return outcome
        if (!silent.has(entry)) continue
        outcome = await this.#attempt(
          entry.server,
          makeQuery(type, name),
          Math.min(left, this.#patience.attemptMs * (round + 1)),
        )
        if ('reply' in outcome) return outcome
        if (outcome.failure === 'TIMEOUT') entry.demotedUntil = this.#clock.now() + DEMOTED_MS
        else silent.delete(entry)
      }
    }
    return outcome
  }

  #inOrder() {
    const now = this.#clock.now()
    const isDemoted = (entry: { readonly demotedUntil: number }) => Number(entry.demotedUntil > now)
    return this.#servers.some(isDemoted) ? this.#servers.toSorted((a, b) => isDemoted(a) - isDemoted(b)) : this.#servers
  }

  async #attempt(server: DnsServer, query: Query, ms: number): Promise<LookupOutcome> {
    const start = this.#clock.now()
    const outcome = await this.#within(ms, (signal) => this.#converse(server, query, signal))
    if (queries.hasSubscribers) {
      const code = 'reply' in outcome ? outcome.reply.code : outcome.failure
      queries.publish({
        type: query.type,
        name: query.name,
        server: server.address,
        ms: this.#clock.now() - start,
        code,
      })
    }
    return outcome
  }

  async #converse(server: DnsServer, query: Query, signal: AbortSignal): Promise<LookupOutcome> {
    this.stats.sent++
    let reply = await this.#exchange(server, query, 'udp', signal)
    if (reply.truncated) {
      this.stats.tcp++
      reply = await this.#exchange(server, query, 'tcp', signal)
    }
    if (reply.code === 'NOERROR' || reply.code === 'NXDOMAIN') return { reply }
    this.stats.failures++
    return { failure: reply.code === 'REFUSED' ? 'REFUSED' : 'SERVFAIL' }
  }

  /** Runs `work` against the clock. */
  async #within(ms: number, work: (signal: AbortSignal) => Promise<LookupOutcome>): Promise<LookupOutcome> {
    const done = new AbortController()
    const late = new AbortController()
    const alarm = this.#clock.sleep(ms, done.signal).then(
      () => late.abort(new Error('no answer in time')),
      () => undefined, // the sleep was cut short: there is an answer
    )
    try {
      return await work(late.signal)
    } catch (cause) {
      if (late.signal.aborted) this.stats.timeouts++
      else this.stats.unreachable++
      return { failure: late.signal.aborted ? 'TIMEOUT' : 'SERVFAIL', cause }
    } finally {
      done.abort(ANSWERED)
      await alarm
    }
  }
}
