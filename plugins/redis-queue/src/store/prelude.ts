/**
 * Every change of the queue, as a script: a step is done whole or not at all, whatever dies. The keys of one queue share a hash
 * tag, so that a cluster keeps them on one node. `docs/scale.md` says how many queues make more than one node.
 *
 * Below the queue's prefix P:
 *
 *     m:ID       hash: q queuedAt, k deliveries, n of them not done, v version of the recipients' states;
 *                of delivery I: pI status, lI destination, aI attempts (and ! when warned, ? when a report is pending, @TIME from when its life counts), sI state, wI pending hold, fI its part of the final record
 *                x idempotency key, u time before which it does not go on, t and z first and last place of its `accepted` in the outbox
 *     e:ID       envelope          b:ID:N     piece N of the content          key:KEY  id of the message with this idempotency key, and ! when it was answered for again
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
export const BEAT_GAP_MS = 12_000

/** What every script begins with. */
export const PRELUDE = `
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
-- ARGV from at on: id, status of birth, time before which it does not go on or nothing, envelope, queuedAt, pieces, content when it is one piece,
-- number of deliveries, their destinations
local function insert(at)
  local id, status, pieces, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 5]), tonumber(ARGV[at + 7])
  if pieces == 1 then call('SET', P .. 'b:' .. id .. ':0', ARGV[at + 6])
  else for piece = 0, pieces - 1 do call('PERSIST', P .. 'b:' .. id .. ':' .. piece) end end
  call('SET', P .. 'e:' .. id, ARGV[at + 3])
  local fields = { 'q', ARGV[at + 4], 'k', count, 'n', count, 'b', pieces }
  if ARGV[at + 2] ~= '' then
    fields[#fields + 1] = 'u'
    fields[#fields + 1] = ARGV[at + 2]
  end
  for i = 0, count - 1 do
    local destination = ARGV[at + 8 + i]
    fields[#fields + 1] = 'p' .. i
    fields[#fields + 1] = status
    fields[#fields + 1] = 'l' .. i
    fields[#fields + 1] = destination
    enter(id .. ' ' .. i, status, destination)
    if #fields > 1000 then call('HSET', P .. 'm:' .. id, unpack(fields)); fields = {} end
  end
  if #fields > 0 then call('HSET', P .. 'm:' .. id, unpack(fields)) end
  call('ZADD', P .. 'ids', 0, id)
  return at + 8 + count
end
-- Events from ARGV[first] to ARGV[last]; returns the places of the first and the last of them, or nothing.
local function tell(first, last)
  local from, to
  for at = first, last do
    to = call('XADD', P .. 'outbox', '*', 'e', ARGV[at])
    from = from or to
  end
  return from, to
end
-- Pieces that were sent before must all be there.
local function complete(at)
  local pieces = tonumber(ARGV[at + 5])
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
