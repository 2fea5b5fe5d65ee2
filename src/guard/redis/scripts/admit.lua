-- Admits a request for a message and counts it, or says how long to wait and whether a proof of work would help.
--
-- KEYS[2]  the request's bucket: a hash of windows, "c" of comparisons, "x" of external checks
-- KEYS[3]  the pause after a message
-- KEYS[4]  the solved puzzle
-- KEYS[5]  the mark of the minute in which a challenge ends that is made now
-- KEYS[6…] ceilings
-- ARGV[3]  random, for a new epoch
-- ARGV[4]  the nonce under which the epoch is spelled
-- ARGV[5]  seconds that the epoch's record lives, 0: for good
-- ARGV[6]  seconds of the pause, 0: none
-- ARGV[7]  when the proof ends, 0: there is none
-- ARGV[8]  the bucket's field
-- ARGV[9]  from how many external checks on none is started, -1: it is no external one
-- ARGV[10] when it ends
-- ARGV[11…] two for each ceiling
local pause, proof_ends, most = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[9])

local at, today, yesterday = windows(KEYS[2], ARGV[8])
if most >= 0 and today + yesterday >= most then
  local forgotten = at + (today >= most and 2 or 1)
  return { 'throttled', forgotten * DAY - now, 0 }
end
local paused = redis.call('PTTL', KEYS[3])
if pause > 0 and paused > 0 then return { 'throttled', math.ceil(paused / 1000), 0 } end
local proved = proof_ends > now and redis.call('EXISTS', KEYS[4]) == 0
local wait, lifts = refusal(6, 11, proved)
if wait then return { 'throttled', wait, lifts } end

if pause > 0 then redis.call('SET', KEYS[3], '', 'EX', pause) end
if proved then redis.call('SET', KEYS[4], '', 'EXAT', proof_ends + OUTLIVES) end
count_message(6)
remember(ARGV[3], tonumber(ARGV[5]))
local ends = tonumber(ARGV[10])
redis.call('SET', KEYS[5], '', 'EXAT', ends - ends % MINUTE + MARKED)
return { 'admitted', epoch(ARGV[4]), today + yesterday, proved and 1 or 0 }
