-- Every script begins with this file: which memory is this, and what time is it?
--
-- KEYS[1]  the key of the counters; in a cluster there is none, since there it is in the names of the recipient's keys
-- ARGV[1]  the caller's key of the counters
-- ARGV[2]  "1" where the operator states that nothing is ever lost

-- Records outlive their challenge by so many seconds: a result may come late, and the clock may be set back.
local OUTLIVES = 120
local now = tonumber(redis.call('TIME')[1])

local known_key = redis.call('GET', KEYS[1])
-- Somebody else's counters: the caller takes the key and comes again.
if known_key and known_key ~= ARGV[1] then return { 'key', known_key } end

-- Which history of this data: new at every start and at every promotion, unlike run_id, which a master that was demoted
-- and promoted again keeps, although its data was replaced in between.
local function history()
  if ARGV[2] == '1' then return '' end
  local info = redis.call('INFO', 'replication')
  local id = string.match(info, 'master_replid:(%x+)')
  if not id or not string.find(info, 'role:master', 1, true) then error('READONLY this is no master') end
  return id
end

-- How an envelope spells the epoch: its own nonce, and behind it the history in which its record was made.
local function epoch(nonce)
  return nonce .. string.sub(redis.sha1hex(nonce .. history()), 1, 32)
end
