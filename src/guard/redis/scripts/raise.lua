-- Counts a message under ceilings that belong to no recipient, for a cluster, where they are in another slot.
--
-- KEYS[2…] ceilings
-- ARGV[3]  "1" if a proof lifts what it lifts
-- ARGV[4…] five for each ceiling
local all = ceilings(2, 4)
local wait, wait_with_proof, times = look(all, ARGV[3] == '1')
if wait > 0 then return throttled(wait, wait_with_proof, times) end
return count_message(all, { 'admitted' })
