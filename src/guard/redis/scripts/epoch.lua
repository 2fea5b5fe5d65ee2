-- Every script begins with this file: which memory is this, and what time is it?
--
-- KEYS[1]  the epoch's record: "<random>:<key of the counters>:<latest second seen>"
-- ARGV[1]  the caller's key of the counters
-- ARGV[2]  "1" where the operator states that nothing is ever lost

-- Records outlive their challenge by 120 seconds. 10 is how old <latest second seen> may be. There is a mark for each minute in
-- which challenges end, which goes 90 seconds after that minute begins: later than they do, and earlier than their records.
local OUTLIVES, PRECISION, MINUTE, MARKED = 120, 10, 60, 90
local now = tonumber(redis.call('TIME')[1])

local record
do
  local random, key, seen = string.match(redis.call('GET', KEYS[1]) or '', '^(%x+):(%x*):(%d+)$')
  if random then
    -- Somebody else's counters: the caller takes the key and comes again.
    if key ~= ARGV[1] then return { 'key', key } end
    record = { random = random, seen = tonumber(seen) }
    -- The clock went back beyond what records outlive: what is gone by now may have been needed. A new epoch begins.
    if now < record.seen - (OUTLIVES - 2 * PRECISION) then record = nil end
  end
end

-- Which history of this data: new at every start and at every promotion, unlike run_id, which a master that was demoted
-- and promoted again keeps, although its data was replaced in between.
local function history()
  if ARGV[2] == '1' then return '' end
  local info = redis.call('INFO', 'replication')
  local id = string.match(info, 'master_replid:(%x+)')
  if not id or not string.find(info, 'role:master', 1, true) then error('READONLY this is no master') end
  return id
end

-- How envelopes spell the epoch. A nonce hides that two recipients share a record.
local function epoch(nonce)
  return nonce .. string.sub(redis.sha1hex(nonce .. history() .. record.random), 1, 32)
end

local function is_current(spelled)
  return record and spelled == epoch(string.sub(spelled, 1, -33))
end

-- For scripts that write: remembers the time, and begins a new epoch if there is none.
local function remember(fresh, lifetime)
  if not record then
    record = { random = fresh, seen = now }
    redis.call('SET', KEYS[1], fresh .. ':' .. ARGV[1] .. ':' .. now)
  elseif now >= record.seen + PRECISION then
    redis.call('SET', KEYS[1], record.random .. ':' .. ARGV[1] .. ':' .. now, 'KEEPTTL')
  end
  if lifetime and lifetime > 0 then redis.call('EXPIRE', KEYS[1], lifetime) end
end
