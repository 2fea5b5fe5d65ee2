-- Admits a request for a message and counts it, or says how long to wait and whether a proof of work would help.
--
-- KEYS[2]  the recipient's comparisons: a hash of windows
-- KEYS[3]  the table of pauses
-- KEYS[4]  the table of solved puzzles
-- KEYS[5]  the record of the challenge that is made now
-- KEYS[6]  the table of the breaker
-- KEYS[7…] ceilings
-- ARGV[3]  its nonce, which no other challenge has
-- ARGV[4]  when it ends
-- ARGV[5]  "1" where KEYS[1] is kept
-- ARGV[6]  seconds of the pause, 0: none
-- ARGV[7]  when the proof ends, 0: there is none
-- ARGV[8]  the field of comparisons by strangers
-- ARGV[9]  from how many of these on nothing is started, -1: something always is
-- ARGV[10] how many are kept for known devices; "0" for who is none
-- ARGV[11] "1" if it counts as a known device's, which no proof lifts
-- ARGV[12] "1" if the caller wants to know how full the memory is; "crowded" if strangers need a proof anyway
-- ARGV[13], ARGV[14] set and name of the pause after a message
-- ARGV[15], ARGV[16] those of another that a known device's message begins, too, but isn't held by
-- ARGV[17], ARGV[18] those of the proof
-- ARGV[19…] four of the breaker
-- ARGV[23…] five for each ceiling
local pause, proof_ends, as_known = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[11] == '1'
local strangers_most, known_most = tonumber(ARGV[9]), tonumber(ARGV[10])

-- How much of `maxmemory` is used, in hundredths, at least 1; 0 where there is none, -1 where nobody asked.
local HALF = 50
local function used_memory()
  if ARGV[12] ~= '1' then return -1 end
  local info = redis.call('INFO', 'memory')
  local most = tonumber(string.match(info, 'maxmemory:(%d+)') or 0)
  return most > 0 and math.max(1, math.floor(tonumber(string.match(info, 'used_memory:(%d+)')) * 100 / most)) or 0
end

-- The sets and the names of marks.
local function spot(argument)
  return tonumber(ARGV[argument]), name_of(ARGV[argument + 1])
end
local own_set, own_name = spot(13)
local other_set, other_name = spot(15)
local proof_set, proof_name = spot(17)

local at, today, yesterday = windows(KEYS[2], ARGV[8])
local known_at, known_today, known_yesterday = windows(KEYS[2], known_field(ARGV[8]))
local strangers, known = today + yesterday, known_today + known_yesterday
if not next_field(ARGV[8], strangers, known, strangers_most, known_most, -1) then
  local is_over_today = not next_field(ARGV[8], today, known_today, strangers_most, known_most, -1)
  return { 'throttled', (math.max(at, known_at) + (is_over_today and 2 or 1)) * DAY - now, -1 }
end
-- A puzzle that counted before, or that there is no room to remember, is as good as none.
local proved = false
if proof_ends > now and mark_left(PROOFS, KEYS[4], proof_set, proof_name, math.huge) == 0 then
  local _
  _, _, proved = place_for(PROOFS, KEYS[4], proof_set, proof_name)
end
local all, breaker = ceilings(7, 23), breaker_at(KEYS[6], 19)
local wait, wait_with_proof, times = look(all, proved)
if pause > 0 and (as_known or not proved) then wait = math.max(wait, mark_left(PAUSES, KEYS[3], own_set, own_name, pause)) end
-- No puzzle helps against an open breaker, so none is given.
local stopped = as_known and 0 or breaker_wait(breaker)
if stopped > 0 then return { 'throttled', math.max(wait, stopped), -1 } end
if wait > 0 then return as_known and { 'throttled', wait, -1 } or throttled(wait, wait_with_proof, times) end

if ARGV[12] == 'crowded' and not as_known and not proved then return { 'crowded', -1 } end
-- Each request makes a record, so strangers solve a puzzle for it from half of the memory on.
local used = used_memory()
if used >= HALF and not as_known and not proved then return { 'crowded', used } end

-- A record that exists is never made again: it may have been spent. (Machines that were copied draw the same numbers.)
if redis.call('EXISTS', KEYS[5]) == 1 then error('this nonce was had before') end
local spelled = epoch(ARGV[3])
local paused_until = 0
if pause > 0 then
  paused_until = now + pause
  mark(PAUSES, KEYS[3], own_set, own_name, paused_until)
  if as_known then mark(PAUSES, KEYS[3], other_set, other_name, paused_until) end
end
if proved then mark(PROOFS, KEYS[4], proof_set, proof_name, proof_ends + OUTLIVES) end
redis.call('HSET', KEYS[5], 'u', 0)
redis.call('EXPIREAT', KEYS[5], tonumber(ARGV[4]) + OUTLIVES)
if ARGV[5] == '1' and not known_key then redis.call('SET', KEYS[1], ARGV[1]) end
local answer = { 'admitted', spelled, strangers, known, proved and 1 or 0, used, paused_until }
return count_message(all, send(breaker, as_known, answer))
