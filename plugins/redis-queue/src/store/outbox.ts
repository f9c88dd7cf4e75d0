/** Events in Redis: a stream, written by the scripts that they tell of. */
import type { Outbox } from '@postroad/queue-engine'
import { type Argument, type RedisLink, type Script, script } from '@postroad/redis-link'

type Entries = Awaited<ReturnType<Outbox['read']>>
type Notes = Awaited<ReturnType<Outbox['notes']>>

/** What removes something is done when memory is short, too. */
const frees = (lua: string) =>
  script(`#!lua flags=allow-oom\nlocal P, call = string.sub(KEYS[1], 1, -7), redis.call\n${lua}`)

/** events */
const APPEND = script(`#!lua
for _, event in ipairs(ARGV) do redis.call('XADD', KEYS[1], '*', 'e', event) end
`)

/** end, limit → how many were removed; never the newest */
const TRIM = frees(`
local last = call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local ids = {}
for _, entry in ipairs(call('XRANGE', KEYS[1], '-', ARGV[1], 'COUNT', ARGV[2])) do
  if entry[1] ~= last[1] then ids[#ids + 1] = entry[1] end
end
if #ids > 0 then call('XDEL', KEYS[1], unpack(ids)) end
return #ids
`)

/** → entries, octets, first, last */
const SIZE = frees(`
local first = call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local last = call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return { call('XLEN', KEYS[1]), call('MEMORY', 'USAGE', KEYS[1]) or 0, first and first[1] or '', last and last[1] or '' }
`)

/** key, 0 or 1, value; … */
const NOTE = frees(`
for at = 1, #ARGV, 3 do
  if ARGV[at + 1] == '1' then
    call('HSET', P .. 'notes', ARGV[at], ARGV[at + 2])
    call('ZADD', P .. 'noteKeys', 0, ARGV[at])
  else
    call('HDEL', P .. 'notes', ARGV[at])
    call('ZREM', P .. 'noteKeys', ARGV[at])
  end
end
`)

/** start, end, limit → key, value; … */
const NOTES = frees(`
local found = {}
for _, key in ipairs(call('ZRANGEBYLEX', P .. 'noteKeys', ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  found[#found + 1] = key
  found[#found + 1] = call('HGET', P .. 'notes', key)
end
return found
`)

/** Entries of one step of the server. */
const PAGE = 500

/** The {@link Outbox} of a queue in Redis. */
export class RedisOutbox implements Outbox {
  readonly #link: RedisLink
  readonly #key: string

  constructor(link: RedisLink, space: string) {
    this.#link = link
    this.#key = `${space}outbox`
  }

  async append(events: readonly string[]): Promise<void> {
    await this.#run(APPEND, events)
  }

  async read({ after, limit }: Parameters<Outbox['read']>[0]): Promise<Entries> {
    const args = [this.#key, after === undefined ? '-' : `(${after}`, '+', 'COUNT', limit]
    const found = (await this.#link.send('xrange', args)) as [string, [string, string]][] // as the command says
    return found.map(([position, [, event]]) => ({ position, event }))
  }

  async trim(upTo: string, limit: number): Promise<number> {
    let removed = 0
    for (;;) {
      const page = Math.min(PAGE, limit - removed)
      const some = Number(await this.#run(TRIM, [upTo, page]))
      removed += some
      if (some < page || removed >= limit) return removed
    }
  }

  async size(): ReturnType<Outbox['size']> {
    const [events, octets, first, last] = (await this.#run(SIZE, [])) as [number, number, string, string] // see the script
    return { events, octets, first: first === '' ? undefined : first, last: last === '' ? undefined : last }
  }

  async notes(prefix: string, { after, limit = -1 }: NonNullable<Parameters<Outbox['notes']>[1]> = {}): Promise<Notes> {
    const start = after === undefined ? `[${prefix}` : `(${after}`
    const flat = (await this.#run(NOTES, [start, `[${prefix}\xff`, limit])) as string[] // see the script
    return flat.flatMap((key, at): Notes[number][] => (at % 2 === 0 ? [[key, flat[at + 1] ?? '']] : []))
  }

  async note(changes: Parameters<Outbox['note']>[0]): Promise<void> {
    await this.#run(
      NOTE,
      changes.flatMap(([key, value]) => [key, value === undefined ? '0' : '1', value ?? '']),
    )
  }

  #run(lua: Script, args: readonly Argument[]): Promise<unknown> {
    return this.#link.run(lua, [this.#key], args)
  }
}
