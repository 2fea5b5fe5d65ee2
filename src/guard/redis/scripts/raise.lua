-- Counts a message under the breaker and the ceilings, which belong to no recipient, for a cluster, where they are in another slot.
--
-- KEYS[2]  the table of the breaker
-- KEYS[3…] ceilings
-- ARGV[3]  "1" if a proof lifts what it lifts
-- ARGV[4]  "1" if it counts as a known device's
-- ARGV[5…] four of the breaker
-- ARGV[9…] five for each ceiling
local all, breaker, as_known = ceilings(3, 9), breaker_at(KEYS[2], 5), ARGV[4] == '1'
local wait, wait_with_proof, times = look(all, ARGV[3] == '1')
local stopped = as_known and 0 or breaker_wait(breaker)
if stopped > 0 then return { 'throttled', math.max(wait, stopped), -1 } end
if wait > 0 then return throttled(wait, wait_with_proof, times) end
return count_message(all, send(breaker, as_known, { 'admitted' }))
