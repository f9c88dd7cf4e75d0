import { script } from '@postroad/redis-link'
/**
 * Every change of the queue, as a script: a step is done whole or not at all, whatever dies. The keys of one queue share a hash
 * tag, so that a cluster keeps them on one node. `docs/scale.md` says how many queues make more than one node.
 *
 * Below the queue's prefix P:
 *
 *     m:ID       hash: q queuedAt, k deliveries, n of them not done, v version of the recipients' states;
 *                of delivery I: pI status, lI destination, aI attempts (and ! when warned, ? when a report is pending, @TIME from when its life counts), sI state, wI pending hold, fI its part of the final record
 *     e:ID       envelope          b:ID:N     piece N of the content
 *     ids        all messages      scheduled  by time       w:DESTINATION waiting, by time      lanes  how many wait, by destination
 *     claimed    OWNER ID I        held       ID I          owners  alive until          clock  when the queue was last looked after
 *     outbox       stream of events     notes, noteKeys   of who is told of them
 *     finished, finishedIds, suspensions, corrupt, folder of large content, swept, asked
 *
 * A status is one text: `s:TIME`, `w:SINCE`, `c:OWNER`, `h:SINCE:REASON`, `d:`.
 */

/** Milliseconds without a sign of life after which the leases of a process are taken over. */
export const OWNER_LIFE_MS = 20_000
/** Milliseconds in which nobody beat, after which nobody is judged by old beats: then it was Redis that was away. */
const BEAT_GAP_MS = 12_000

const PRELUDE = `
local P = string.sub(KEYS[1], 1, -4)
local call = redis.call
local function milliseconds()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function alive(owner)
  call('ZADD', P .. 'owners', milliseconds() + ${OWNER_LIFE_MS}, owner)
end
local function leave(entry, status, destination)
  local kind = string.sub(status, 1, 1)
  if kind == 's' then call('ZREM', P .. 'scheduled', entry)
  elseif kind == 'w' then
    call('ZREM', P .. 'w:' .. destination, entry)
    if call('HINCRBY', P .. 'lanes', destination, -1) < 1 then call('HDEL', P .. 'lanes', destination) end
  elseif kind == 'c' then call('ZREM', P .. 'claimed', string.sub(status, 3) .. ' ' .. entry)
  elseif kind == 'h' then call('SREM', P .. 'held', entry) end
end
local function enter(entry, status, destination)
  local kind, rest = string.sub(status, 1, 1), string.sub(status, 3)
  if kind == 's' then call('ZADD', P .. 'scheduled', rest, entry)
  elseif kind == 'w' then
    call('ZADD', P .. 'w:' .. destination, rest, entry)
    call('HINCRBY', P .. 'lanes', destination, 1)
  elseif kind == 'c' then call('ZADD', P .. 'claimed', 0, rest .. ' ' .. entry)
  elseif kind == 'h' then call('SADD', P .. 'held', entry) end
end
local function split(entry)
  return string.sub(entry, 1, 20), string.sub(entry, 22)
end
local function statusOf(entry)
  local id, i = split(entry)
  return call('HGET', P .. 'm:' .. id, 'p' .. i)
end
local function move(entry, to)
  local id, i = split(entry)
  local was = call('HMGET', P .. 'm:' .. id, 'p' .. i, 'l' .. i)
  leave(entry, was[1], was[2])
  call('HSET', P .. 'm:' .. id, 'p' .. i, to)
  enter(entry, to, was[2])
end
-- What the operator asked for while the delivery was claimed comes true when the lease ends.
local function held(entry, to, now)
  local id, i = split(entry)
  local hold = call('HGET', P .. 'm:' .. id, 'w' .. i)
  if not hold then return to end
  call('HDEL', P .. 'm:' .. id, 'w' .. i)
  if string.sub(to, 1, 1) == 'd' then return to end
  return 'h:' .. now .. ':operator'
end
local function giveBack(owner, now, limit, entries)
  local leases = call('ZRANGEBYLEX', P .. 'claimed', '[' .. owner .. ' ', '(' .. owner .. '!', 'LIMIT', 0, limit)
  for _, lease in ipairs(leases) do
    local entry = string.sub(lease, #owner + 2)
    move(entry, held(entry, 's:' .. now, now))
    entries[#entries + 1] = entry
  end
  if #leases < limit then call('ZREM', P .. 'owners', owner) end
end
local function loaded(entry)
  local id, i = split(entry)
  return { entry, call('GET', P .. 'e:' .. id), call('HGET', P .. 'm:' .. id, 's' .. i) }
end
-- ARGV from at on: id, status of birth, envelope, queuedAt, pieces, content when it is one piece, number of deliveries, their destinations
local function insert(at)
  local id, status, pieces, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 4]), tonumber(ARGV[at + 6])
  if pieces == 1 then call('SET', P .. 'b:' .. id .. ':0', ARGV[at + 5])
  else for piece = 0, pieces - 1 do call('PERSIST', P .. 'b:' .. id .. ':' .. piece) end end
  call('SET', P .. 'e:' .. id, ARGV[at + 2])
  local fields = { 'q', ARGV[at + 3], 'k', count, 'n', count, 'b', pieces }
  for i = 0, count - 1 do
    local destination = ARGV[at + 7 + i]
    fields[#fields + 1] = 'p' .. i
    fields[#fields + 1] = status
    fields[#fields + 1] = 'l' .. i
    fields[#fields + 1] = destination
    enter(id .. ' ' .. i, status, destination)
    if #fields > 1000 then call('HSET', P .. 'm:' .. id, unpack(fields)); fields = {} end
  end
  if #fields > 0 then call('HSET', P .. 'm:' .. id, unpack(fields)) end
  call('ZADD', P .. 'ids', 0, id)
  return at + 7 + count
end
-- Events from ARGV[first] to ARGV[last].
local function tell(first, last)
  for at = first, last do call('XADD', P .. 'outbox', '*', 'e', ARGV[at]) end
end
-- Pieces that were sent before must all be there.
local function complete(at)
  local pieces = tonumber(ARGV[at + 4])
  if pieces > 1 then for piece = 0, pieces - 1 do
    if call('EXISTS', P .. 'b:' .. ARGV[at] .. ':' .. piece) == 0 then return false end
  end end
  return true
end
-- head is the final record up to its list of recipients.
local function finish(id, head, keep)
  local key = P .. 'm:' .. id
  local counts = call('HMGET', key, 'k', 'b')
  local parts = {}
  for i = 0, counts[1] - 1 do
    local state = call('HMGET', key, 'p' .. i, 'l' .. i, 'f' .. i)
    leave(id .. ' ' .. i, state[1], state[2])
    if state[3] and state[3] ~= '' then parts[#parts + 1] = state[3] end
  end
  call('UNLINK', key, P .. 'e:' .. id)
  for piece = 0, counts[2] - 1 do call('UNLINK', P .. 'b:' .. id .. ':' .. piece) end
  call('ZREM', P .. 'ids', id)
  call('SREM', P .. 'corrupt', id)
  if keep == 0 then return end
  call('HSET', P .. 'finished', id, head .. table.concat(parts, ',') .. ']}')
  call('ZADD', P .. 'finishedIds', 0, id)
  local over = math.min(2, call('ZCARD', P .. 'finishedIds') - keep)
  if over > 0 then
    local old = call('ZRANGE', P .. 'finishedIds', 0, over - 1)
    call('ZREM', P .. 'finishedIds', unpack(old))
    call('HDEL', P .. 'finished', unpack(old))
  end
end
`

/** Only a script that takes mail in may be refused for want of memory: what ends mail is what frees it. */
const frees = (lua: string) => script(`#!lua flags=allow-oom\n${PRELUDE}${lua}`)

/** owner, then what `insert` wants, then events. 1: taken. 0: a piece of the content is not there. */
export const ADD = script(`#!lua
${PRELUDE}
if not complete(2) then return 0 end
alive(ARGV[1])
tell(insert(2), #ARGV)
return 1
`)

/** ids → how many of them are there, or have been. It writes: then what waits for replicas or the disk waits for all that was written before. */
export const CONFIRM = frees(`
local there = 0
for _, id in ipairs(ARGV) do
  if call('EXISTS', P .. 'e:' .. id) == 1 or call('HEXISTS', P .. 'finished', id) == 1 then there = there + 1 end
end
call('SET', P .. 'asked', 1)
return there
`)

/** now, limit → entry, time, queuedAt, destination, attempts; … */
export const DUE = frees(`
local due = call('ZRANGEBYSCORE', P .. 'scheduled', '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local found = {}
for at = 1, #due, 2 do
  local id, i = split(due[at])
  local view = call('HMGET', P .. 'm:' .. id, 'q', 'l' .. i, 'a' .. i)
  if view[1] then found[#found + 1] = { due[at], due[at + 1], view[1], view[2], view[3] }
  else call('ZREM', P .. 'scheduled', due[at]) end
end
return found
`)

/** The server's time in milliseconds since the epoch. */
export const NOW = frees('return milliseconds()')

/** now, latest, limit → entries that were scheduled for a time behind `latest`, and are for now */
export const HASTEN = frees(`
local late = call('ZRANGEBYSCORE', P .. 'scheduled', '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])
for _, entry in ipairs(late) do
  if statusOf(entry) then move(entry, 's:' .. ARGV[1])
  else call('ZREM', P .. 'scheduled', entry) end
end
return late
`)

/** entry, time; … → as `DUE`, of those that are scheduled for that time */
export const LOOK = frees(`
local found = {}
for at = 1, #ARGV, 2 do
  local entry = ARGV[at]
  local score = call('ZSCORE', P .. 'scheduled', entry)
  if score and score == ARGV[at + 1] then
    local id, i = split(entry)
    local view = call('HMGET', P .. 'm:' .. id, 'q', 'l' .. i, 'a' .. i)
    if view[1] then found[#found + 1] = { entry, score, view[1], view[2], view[3] } end
  end
end
return found
`)

/** owner, then entry, time it was due, status to go to; … → what was claimed */
export const TAKE_DUE = frees(`
alive(ARGV[1])
local taken = {}
for at = 2, #ARGV, 3 do
  local entry, to = ARGV[at], ARGV[at + 2]
  local score = call('ZSCORE', P .. 'scheduled', entry)
  if score and score == ARGV[at + 1] then
    move(entry, to)
    if string.sub(to, 1, 1) == 'c' then taken[#taken + 1] = loaded(entry) end
  end
end
return taken
`)

/** owner, destination, limit → what was claimed */
export const TAKE_WAITING = frees(`
local entries = call('ZRANGE', P .. 'w:' .. ARGV[2], 0, ARGV[3] - 1)
if #entries == 0 then return entries end
alive(ARGV[1])
local taken = {}
for at, entry in ipairs(entries) do
  move(entry, 'c:' .. ARGV[1])
  taken[at] = loaded(entry)
end
return taken
`)

/** owner, entry → what was claimed */
export const TAKE_ONE = frees(`
local status = statusOf(ARGV[2])
local kind = status and string.sub(status, 1, 1)
if not kind or kind == 'c' or kind == 'd' then return {} end
alive(ARGV[1])
move(ARGV[2], 'c:' .. ARGV[1])
return { loaded(ARGV[2]) }
`)

/** owner, status, its moment, entries → those that were given back */
export const RELEASE = frees(`
local released = {}
for at = 4, #ARGV do
  local entry = ARGV[at]
  if statusOf(entry) == 'c:' .. ARGV[1] then
    move(entry, held(entry, ARGV[2], ARGV[3]))
    released[#released + 1] = entry
  end
end
return released
`)

/** owner, now, head of the final record, how many to keep, number of ends, of events; of each end: entry, status, attempts, state, part of the final record; then the events, then messages to insert */
export const RECORD = frees(`
local owner, now, told = ARGV[1], ARGV[2], 7 + 5 * ARGV[5]
local born = told + ARGV[6]
for at = 7, told - 1, 5 do
  if statusOf(ARGV[at]) ~= 'c:' .. owner then return 'lost' end
end
local at = born
while at < #ARGV do
  if not complete(at) then return redis.error_reply('ERR a piece of the content is missing') end
  at = at + 7 + ARGV[at + 6]
end
at = born
while at < #ARGV do at = insert(at) end
tell(told, born - 1)
local result = 'recorded'
for at = 7, told - 1, 5 do
  local entry = ARGV[at]
  local id, i = split(entry)
  local key = P .. 'm:' .. id
  local to = held(entry, ARGV[at + 1], now)
  move(entry, to)
  call('HSET', key, 'a' .. i, ARGV[at + 2], 's' .. i, ARGV[at + 3])
  call('HINCRBY', key, 'v', 1)
  if to == 'd:' then
    call('HSET', key, 'f' .. i, ARGV[at + 4])
    if call('HINCRBY', key, 'n', -1) < 1 then
      finish(id, ARGV[3], tonumber(ARGV[4]))
      result = 'finished'
    end
  end
end
return result
`)

/** ids → envelope and fields of each; an id that is not there is left out */
export const READ = frees(`
local found = {}
for _, id in ipairs(ARGV) do
  local envelope = call('GET', P .. 'e:' .. id)
  if envelope then found[#found + 1] = { id, envelope, call('HGETALL', P .. 'm:' .. id) } end
end
return found
`)

/** id, `hold` `release` `retry`, now, reason → entries that were changed */
export const OPERATE = frees(`
local key, operation, now = P .. 'm:' .. ARGV[1], ARGV[2], ARGV[3]
local changed = {}
for i = 0, (call('HGET', key, 'k') or 0) - 1 do
  local entry = ARGV[1] .. ' ' .. i
  local kind = string.sub(statusOf(entry), 1, 1)
  local isFree = kind == 's' or kind == 'w'
  local to
  if operation == 'hold' and kind == 'c' then
    if call('HSETNX', key, 'w' .. i, 'hold') == 1 then changed[#changed + 1] = entry end
  elseif operation == 'hold' and isFree then to = 'h:' .. now .. ':' .. ARGV[4]
  elseif operation == 'release' and kind == 'c' then
    if call('HDEL', key, 'w' .. i) == 1 then changed[#changed + 1] = entry end
  elseif operation ~= 'hold' and (kind == 'h' or (operation == 'retry' and isFree)) then to = 's:' .. now end
  if to then
    move(entry, to)
    changed[#changed + 1] = entry
  end
end
return changed
`)

/** id, version, head of the final record, how many to keep, parts of all deliveries → deliveries; -1: read again */
export const DELETE = frees(`
local key = P .. 'm:' .. ARGV[1]
local seen = call('HMGET', key, 'k', 'v')
if not seen[1] then return 0 end
if (seen[2] or '0') ~= ARGV[2] then return -1 end
for i = 0, seen[1] - 1 do call('HSET', key, 'f' .. i, ARGV[5 + i] or '') end
finish(ARGV[1], ARGV[3], tonumber(ARGV[4]))
return tonumber(seen[1])
`)

/** owner, now, limit → how many leases of owners that are gone went back to the schedule */
export const BEAT = frees(`
local time = milliseconds()
local clock = call('HMGET', P .. 'clock', 'last', 'steady')
local steady = clock[2]
-- Set back, the clock says nothing of beats of before: nobody's lasts longer than a life from now.
local back = clock[1] and time < tonumber(clock[1])
if back or not clock[1] or time - clock[1] > ${BEAT_GAP_MS} then steady = time end
if back then
  for _, owner in ipairs(call('ZRANGEBYSCORE', P .. 'owners', '(' .. (time + ${OWNER_LIFE_MS}), '+inf')) do
    call('ZADD', P .. 'owners', time + ${OWNER_LIFE_MS}, owner)
  end
end
call('HSET', P .. 'clock', 'last', time, 'steady', steady)
alive(ARGV[1])
-- While Redis was away nobody could beat: they get their time again. Who said good-bye has the score 0.
local limit = (time - steady >= ${OWNER_LIFE_MS}) and time or 0
local entries = {}
for _, owner in ipairs(call('ZRANGEBYSCORE', P .. 'owners', '-inf', limit)) do
  local left = tonumber(ARGV[3]) - #entries
  if left <= 0 then break end
  giveBack(owner, ARGV[2], left, entries)
end
return entries
`)

/** owner, now, limit → its leases that went back to the schedule */
export const LEAVE = frees(`
local entries = {}
giveBack(ARGV[1], ARGV[2], tonumber(ARGV[3]), entries)
return entries
`)

/** id, now: what cannot be read is kept for a human, out of the way */
export const SET_ASIDE = frees(`
local key = P .. 'm:' .. ARGV[1]
for i = 0, (call('HGET', key, 'k') or 0) - 1 do
  local entry = ARGV[1] .. ' ' .. i
  if string.sub(statusOf(entry), 1, 1) ~= 'd' then move(entry, 'h:' .. ARGV[2] .. ':corrupt') end
end
return call('SADD', P .. 'corrupt', ARGV[1])
`)

/** messages, scheduled, waiting, claimed, held, corrupt */
export const COUNTS = frees(`
local waiting = 0
for _, count in ipairs(call('HVALS', P .. 'lanes')) do waiting = waiting + count end
return { call('ZCARD', P .. 'ids'), call('ZCARD', P .. 'scheduled'), waiting, call('ZCARD', P .. 'claimed'),
  call('SCARD', P .. 'held'), call('SCARD', P .. 'corrupt') }
`)
