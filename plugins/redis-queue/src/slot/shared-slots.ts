/**
 * What all nodes together may do to one destination: so many at once, so many a second, and nothing while it is left alone.
 * A slot is taken before a connection is made and given back after it; the slots of a node that dies expire.
 */

import { randomUUID } from 'node:crypto'
import type { Reply } from '@postroad/mail'
import type { BackoffOptions, SiteLimits, SiteSlots, SlotAnswer, SlotEnd } from '@postroad/queue-engine'
import { type RedisLink, script } from '@postroad/redis-link'

/** Milliseconds a slot is good for without being renewed: a dead node's slots are free again after so long. */
export const SLOT_LIFE_MS = 30_000

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
local state = redis.call('HMGET', KEYS[2], 'until', 'next', 'reply', 'wait')
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
return { 'enter', 0, '' }
`)

/** KEYS: slots, state. ARGV: slot, health, failures before it closes, first and last wait, chance, reply. */
const LEAVE = script(`#!lua flags=allow-oom
${NOW}
redis.call('ZREM', KEYS[1], ARGV[1])
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

/** The slots of one queue, by site. */
export class SharedSlots implements SiteSlots {
  readonly #link: RedisLink
  readonly #space: string
  readonly #backoff: BackoffOptions
  readonly #held = new Map<string, Set<string>>()
  #renewing: NodeJS.Timeout | undefined

  constructor(link: RedisLink, name: string, backoff: BackoffOptions) {
    this.#link = link
    this.#space = `{${link.prefix}:queue:${name}}:`
    this.#backoff = backoff
  }

  /** Asks for a slot. Rejects when Redis is away: then nobody knows how many there are. */
  async enter(destination: string, { concurrency, perSecond }: SiteLimits): Promise<SlotAnswer> {
    const slot = randomUUID()
    const step = perSecond === undefined ? 0 : 1_000 / perSecond
    const said = await this.#link.run(ENTER, this.#keys(destination), [slot, concurrency, step])
    const [kind, ms, reply] = said as [string, number, string | null] // see the script
    if (kind === 'closed') return { kind, reply: reply ? JSON.parse(reply) : CLOSED } // LEAVE was given it as JSON
    if (kind === 'full') return { kind: 'wait', ms: FULL_PAUSE_MS * (0.5 + Math.random()) }
    if (kind === 'early') return { kind: 'wait', ms }
    this.#hold(destination, slot)
    return { kind: 'enter', slot }
  }

  /** Gives a slot back. What cannot be given back expires. */
  async leave(destination: string, slot: string, end: SlotEnd): Promise<void> {
    const slots = this.#held.get(destination)
    slots?.delete(slot)
    if (slots?.size === 0) this.#held.delete(destination)
    const { failures, firstMs, maxMs } = end.backoff ?? this.#backoff
    const args = [slot, end.health, failures, firstMs, maxMs, Math.random(), JSON.stringify(end.reply ?? CLOSED)]
    await this.#link.run(LEAVE, this.#keys(destination), args).catch(() => {})
  }

  /** Ends the back-off of a site, if there is one: an operator says that it is up again. */
  async reopen(destination: string): Promise<void> {
    await this.#link.run(REOPEN, [this.#keys(destination)[1]], [])
  }

  close(): void {
    clearInterval(this.#renewing)
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
