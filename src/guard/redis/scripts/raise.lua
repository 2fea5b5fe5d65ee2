-- Counts a message under ceilings that belong to no recipient, for a cluster, where they are in another slot.
--
-- KEYS[2…] ceilings
-- ARGV[3]  "1" if a proof lifts what it lifts
-- ARGV[4…] two for each ceiling
local wait, lifts = refusal(2, 4, ARGV[3] == '1')
if wait then return { 'throttled', wait, lifts } end
count_message(2)
return { 'admitted' }
