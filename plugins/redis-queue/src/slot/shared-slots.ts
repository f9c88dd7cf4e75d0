/**
 * What all nodes together may do to one destination: so many at once, so many a second, and nothing while it is left alone.
 * A slot is taken before a connection is made and given back after it; the slots of a node that dies expire. Where nothing is wrong
 * with a destination, a node passes a slot from one transaction to the next for a moment, without asking.
 */

import { randomUUID } from 'node:crypto'
import type { Reply } from '@postroad/mail'
import type { BackoffOptions, SiteLimits, SiteSlots, SlotAnswer, SlotEnd } from '@postroad/queue-engine'
import { type RedisLink, script } from '@postroad/redis-link'

/** Milliseconds a slot is good for without being renewed: a dead node's slots are free again after so long. */
export const SLOT_LIFE_MS = 30_000
/** Milliseconds after which a slot is given back, so that other nodes have a turn, and hear that the destination is well. */
const KEEP_MS = 250
/** Milliseconds for which nobody on this node wants a slot before it is given back. */
const IDLE_MS = 50

/** Nothing lasts longer than it was meant to: when the server's clock is set back, a moment that is too far away is written anew. */
const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function within(field, moment, longest)
  if not moment or not longest or tonumber(moment) <= now + longest + 1 then return moment end
  redis.call('HSET', KEYS[2], field, now + math.ceil(longest))
  return now + math.ceil(longest)
end
`

/** KEYS: slots, state. ARGV: slot, slots at once, milliseconds from one start to the next. */
const ENTER = script(`#!lua flags=allow-oom
${NOW}
local step = tonumber(ARGV[3])
local state = redis.call('HMGET', KEYS[2], 'until', 'next', 'reply', 'wait', 'failures')
state[1] = within('until', state[1], state[4])
state[2] = within('next', state[2], step)
if state[1] and tonumber(state[1]) > now then return { 'closed', tonumber(state[1]) - now, state[3] } end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, slot in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. (now + ${SLOT_LIFE_MS}), '+inf')) do
  redis.call('ZADD', KEYS[1], now + ${SLOT_LIFE_MS}, slot)
end
-- After a failure one at a time: the first is a probe.
local free = state[1] and 1 or tonumber(ARGV[2])
if redis.call('ZCARD', KEYS[1]) >= free then return { 'full', 0, '' } end
local due = tonumber(state[2] or 0)
if step > 0 then
  if due > now then return { 'early', due - now, '' } end
  redis.call('HSET', KEYS[2], 'next', math.max(due, now - step) + step)
  redis.call('PEXPIRE', KEYS[2], 86400000, 'GT')
  if redis.call('PTTL', KEYS[2]) < 0 then redis.call('PEXPIRE', KEYS[2], 86400000) end
end
redis.call('ZADD', KEYS[1], now + ${SLOT_LIFE_MS}, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ${SLOT_LIFE_MS * 2})
return { 'enter', (state[1] or state[5]) and 1 or 0, '' }
`)

/** KEYS: slots, state. ARGV: slot, health, failures before it closes, first and last wait, chance, reply, 1: it was well a moment ago. */
const LEAVE = script(`#!lua flags=allow-oom
${NOW}
redis.call('ZREM', KEYS[1], ARGV[1])
-- What was well a moment ago opens nothing that has been closed since.
if ARGV[8] == '1' and redis.call('HEXISTS', KEYS[2], 'until') == 0 then redis.call('HDEL', KEYS[2], 'failures') end
if ARGV[2] == 'up' then
  redis.call('HDEL', KEYS[2], 'failures', 'blocks', 'until', 'wait', 'reply')
  return 0
end
if ARGV[2] == 'none' then return 0 end
-- Connections that were under way when the destination closed say nothing new.
local state = redis.call('HMGET', KEYS[2], 'until', 'wait')
local closed = tonumber(within('until', state[1], state[2]) or 0)
if closed > now or redis.call('HINCRBY', KEYS[2], 'failures', 1) < tonumber(ARGV[3]) then return 0 end
local blocks = redis.call('HINCRBY', KEYS[2], 'blocks', 1)
local wait = math.min(ARGV[4] * 2 ^ (blocks - 1), ARGV[5]) * (0.75 + ARGV[6] / 2)
redis.call('HSET', KEYS[2], 'failures', ARGV[3] - 1, 'until', math.floor(now + wait), 'wait', math.ceil(wait), 'reply', ARGV[7])
redis.call('PEXPIRE', KEYS[2], 86400000)
return math.floor(wait)
`)

/** KEYS: slots. ARGV: slot, … */
const RENEW = script(`#!lua flags=allow-oom
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, slot in ipairs(ARGV) do redis.call('ZADD', KEYS[1], 'XX', now + ${SLOT_LIFE_MS}, slot) end
return redis.call('PEXPIRE', KEYS[1], ${SLOT_LIFE_MS * 2})
`)

/** KEYS: state. The failures stay: the first transaction is a probe, and one that fails closes it again. */
const REOPEN = script(`#!lua flags=allow-oom
if redis.call('HEXISTS', KEYS[1], 'until') == 1 then redis.call('HSET', KEYS[1], 'until', 0, 'wait', 0) end
return 0
`)

const CLOSED: Reply = {
  code: 451,
  status: '4.4.1',
  text: 'The destination did not answer and is left alone for a while',
}
/** Milliseconds between questions while all slots are taken. */
const FULL_PAUSE_MS = 100

/** A slot that nobody uses, since so many milliseconds of this process. */
interface IdleSlot {
  readonly slot: string
  readonly since: number
}

/** The slots of one queue, by site. */
export class SharedSlots implements SiteSlots {
  readonly #link: RedisLink
  readonly #space: string
  readonly #backoff: BackoffOptions
  readonly #held = new Map<string, Set<string>>()
  /** Slots that are good for another transaction, and until when, in milliseconds of this process. */
  readonly #good = new Map<string, number>()
  /** Slots that nobody uses just now, by destination, and since when. */
  readonly #idle = new Map<string, IdleSlot[]>()
  /** Destinations that were well, which nobody was told. */
  readonly #well = new Set<string>()
  #renewing: NodeJS.Timeout | undefined
  #sweeping: NodeJS.Timeout | undefined

  constructor(link: RedisLink, name: string, backoff: BackoffOptions) {
    this.#link = link
    this.#space = `{${link.prefix}:queue:${name}}:`
    this.#backoff = backoff
  }

  /** Asks for a slot. Rejects when Redis is away: then nobody knows how many there are. */
  async enter(destination: string, { concurrency, perSecond }: SiteLimits): Promise<SlotAnswer> {
    const kept = perSecond === undefined ? this.#idle.get(destination)?.pop() : undefined
    if (kept) return { kind: 'enter', slot: kept.slot }
    const slot = randomUUID()
    const step = perSecond === undefined ? 0 : 1_000 / perSecond
    const said = await this.#link.run(ENTER, this.#keys(destination), [slot, concurrency, step])
    const [kind, ms, reply] = said as [string, number, string | null] // see the script
    if (kind === 'closed') return { kind, reply: reply ? JSON.parse(reply) : CLOSED } // LEAVE was given it as JSON
    if (kind === 'full') return { kind: 'wait', ms: FULL_PAUSE_MS * (0.5 + Math.random()) }
    if (kind === 'early') return { kind: 'wait', ms }
    this.#hold(destination, slot)
    // A probe tells at once what came of it, and each start that is counted is a start of its own.
    if (ms === 0 && perSecond === undefined) this.#good.set(slot, performance.now() + KEEP_MS)
    return { kind: 'enter', slot }
  }

  /** Gives a slot back, or keeps it for the next transaction. What cannot be given back expires. */
  async leave(destination: string, slot: string, end: SlotEnd): Promise<void> {
    if (end.health === 'up') {
      const now = performance.now()
      if ((this.#good.get(slot) ?? 0) > now) return this.#keep(destination, { slot, since: now })
    } else if (end.health === 'down') void this.#giveBack(destination, this.#idle.get(destination) ?? [])
    await this.#tell(destination, slot, end)
  }

  async #tell(destination: string, slot: string, end: SlotEnd): Promise<void> {
    this.#good.delete(slot)
    const slots = this.#held.get(destination)
    slots?.delete(slot)
    if (slots?.size === 0) this.#held.delete(destination)
    const wasWell = this.#well.delete(destination) ? 1 : 0
    const { failures, firstMs, maxMs } = end.backoff ?? this.#backoff
    const reply = JSON.stringify(end.reply ?? CLOSED)
    const args = [slot, end.health, failures, firstMs, maxMs, Math.random(), reply, wasWell]
    await this.#link.run(LEAVE, this.#keys(destination), args).catch(() => {})
  }

  #keep(destination: string, slot: IdleSlot): void {
    this.#well.add(destination)
    const idle = this.#idle.get(destination)
    if (idle) idle.push(slot)
    else this.#idle.set(destination, [slot])
    this.#sweeping ??= setTimeout(() => this.#sweep(), IDLE_MS).unref()
  }

  /** Gives back what nobody has wanted since the last time. */
  #sweep(): void {
    this.#sweeping = undefined
    const latest = performance.now() - IDLE_MS / 2
    for (const [destination, idle] of this.#idle) {
      // The last one that came is the first to go, so the oldest are in front.
      const fresh = idle.findIndex(({ since }) => since > latest)
      void this.#giveBack(destination, fresh < 0 ? idle : idle.slice(0, fresh))
    }
    if (this.#idle.size > 0) this.#sweeping = setTimeout(() => this.#sweep(), IDLE_MS).unref()
  }

  async #giveBack(destination: string, slots: readonly IdleSlot[]): Promise<void> {
    const left = this.#idle.get(destination)?.filter((slot) => !slots.includes(slot)) ?? []
    if (left.length > 0) this.#idle.set(destination, left)
    else this.#idle.delete(destination)
    await Promise.all(slots.map(({ slot }) => this.#tell(destination, slot, { health: 'none' })))
  }

  /** Ends the back-off of a site, if there is one: an operator says that it is up again. */
  async reopen(destination: string): Promise<void> {
    await this.#link.run(REOPEN, [this.#keys(destination)[1]], [])
  }

  /** Gives back what nobody uses. */
  async close(): Promise<void> {
    clearInterval(this.#renewing)
    clearTimeout(this.#sweeping)
    await Promise.all([...this.#idle].map(([destination, slots]) => this.#giveBack(destination, slots)))
  }

  #hold(destination: string, slot: string): void {
    const slots = this.#held.get(destination)
    if (slots) slots.add(slot)
    else this.#held.set(destination, new Set([slot]))
    this.#renewing ??= setInterval(() => void this.#renew(), SLOT_LIFE_MS / 4).unref()
  }

  async #renew(): Promise<void> {
    for (const [destination, slots] of [...this.#held])
      if (slots.size > 0) await this.#link.run(RENEW, [this.#keys(destination)[0]], [...slots]).catch(() => {}) // tried again soon
  }

  #keys(destination: string): [string, string] {
    return [`${this.#space}permits:${destination}`, `${this.#space}lane:${destination}`]
  }
}
