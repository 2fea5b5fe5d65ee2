-- Gives back what admit.lua counted; of what nobody got, the record and the proof, too.
--
-- KEYS[2]  the table of pauses
-- KEYS[3]  the table of solved puzzles
-- KEYS[4]  the record
-- KEYS[5]  the table of the breaker
-- KEYS[6…] ceilings
-- ARGV[3]  when the pauses end that it began
-- ARGV[4], ARGV[5] set and name of the one
-- ARGV[6], ARGV[7] and of the other
-- ARGV[8]  when the proof ends that goes, 0: it stays, or there is none
-- ARGV[9], ARGV[10] its set and name
-- ARGV[11] "1" if the record goes
-- ARGV[12…] four of the breaker
-- ARGV[16…] three for each ceiling
local function take_back(kind, key, argument, ends)
  unmark(kind, key, tonumber(ARGV[argument]), name_of(ARGV[argument + 1]), ends)
end
local paused_until, proof_ends = tonumber(ARGV[3]), tonumber(ARGV[8])
if paused_until > 0 then
  take_back(PAUSES, KEYS[2], 4, paused_until)
  take_back(PAUSES, KEYS[2], 6, paused_until)
end
if proof_ends > 0 then take_back(PROOFS, KEYS[3], 9, proof_ends + OUTLIVES) end
if ARGV[11] == '1' then redis.call('DEL', KEYS[4]) end
unsend(KEYS[5], 12)
uncount_message(6, 16)
return { 'done' }
