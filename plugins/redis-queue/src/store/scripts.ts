/** Every change of the queue, as a script; what they share, and what stands where in Redis, is in `prelude.ts`. */
import { script } from '@postroad/redis-link'
import { BEAT_GAP_MS, OWNER_LIFE_MS, PRELUDE } from './prelude.ts'

/** Only a script that takes mail in may be refused for want of memory: what ends mail is what frees it. */
const frees = (lua: string) => script(`#!lua flags=allow-oom\n${PRELUDE}${lua}`)

/**
 * owner, idempotency key or nothing, milliseconds that it is kept, then what `insert` wants, then events.
 * 1: taken. 0: a piece of the content is not there. An id: the key is that of this message, and nothing is taken.
 */
export const ADD = script(`#!lua
${PRELUDE}
local key = ARGV[2] ~= '' and P .. 'key:' .. ARGV[2]
local known = key and call('GET', key)
if known then
  -- Who answers for it now needs it: it is not refused any more.
  call('SET', key, string.sub(known, 1, 20) .. '!', 'KEEPTTL')
  return string.sub(known, 1, 20)
end
if not complete(4) then return 0 end
alive(ARGV[1])
local from, to = tell(insert(4), #ARGV)
if from then call('HSET', P .. 'm:' .. ARGV[4], 't', from, 'z', to) end
if key then
  call('SET', key, ARGV[4], 'PX', ARGV[3])
  call('HSET', P .. 'm:' .. ARGV[4], 'x', ARGV[2])
end
return 1
`)

/** id → as `DELETE`, of a message whose sender was told that it is not taken. -2: by its idempotency key it was promised since. */
export const REFUSE = frees(`
local message = P .. 'm:' .. ARGV[1]
local seen = call('HMGET', message, 'k', 'v', 'x', 't', 'z')
if not seen[1] then return 0 end
if seen[2] and seen[2] ~= '0' then return -1 end
if seen[3] then
  local key = P .. 'key:' .. seen[3]
  local known = call('GET', key)
  if known == ARGV[1] .. '!' then return -2 end
  if known == ARGV[1] then call('DEL', key) end
end
for i = 0, seen[1] - 1 do call('HSET', message, 'f' .. i, '') end
-- Whoever was not told that it was accepted never is.
if seen[4] then for _, entry in ipairs(call('XRANGE', P .. 'outbox', seen[4], seen[5])) do call('XDEL', P .. 'outbox', entry[1]) end end
finish(ARGV[1], '', 0)
return tonumber(seen[1])
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
local limit, skipped, hastened = tonumber(ARGV[3]), 0, {}
repeat
  local late = call('ZRANGEBYSCORE', P .. 'scheduled', '(' .. ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', skipped, limit)
  for at = 1, #late, 2 do
    local entry = late[at]
    local id, i = split(entry)
    local seen = call('HMGET', P .. 'm:' .. id, 'p' .. i, 'u', 'a' .. i)
    -- What waits for the time that its sender wants is no later than that.
    if seen[1] and seen[2] and not seen[3] and tonumber(seen[2]) == tonumber(late[at + 1]) then skipped = skipped + 1
    else
      if seen[1] then move(entry, 's:' .. ARGV[1]) else call('ZREM', P .. 'scheduled', entry) end
      hastened[#hastened + 1] = entry
    end
  end
until #late < 2 * limit or #hastened >= limit
return hastened
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
  at = at + 8 + ARGV[at + 7]
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

/** id, version, head of the final record, how many to keep, `delete`, or `cancel` of what is scheduled alone, parts of all deliveries → deliveries; -1: read again */
export const DELETE = frees(`
local key = P .. 'm:' .. ARGV[1]
local seen = call('HMGET', key, 'k', 'v')
if not seen[1] then return 0 end
if (seen[2] or '0') ~= ARGV[2] then return -1 end
if ARGV[5] == 'cancel' then for i = 0, seen[1] - 1 do
  if string.sub(call('HGET', key, 'p' .. i), 1, 1) ~= 's' then return 0 end
end end
for i = 0, seen[1] - 1 do call('HSET', key, 'f' .. i, ARGV[6 + i] or '') end
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
