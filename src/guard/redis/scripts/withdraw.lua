-- Gives back what admit.lua or raise.lua counted.
--
-- KEYS[2…] keys that go
-- KEYS[…]  ceilings
-- ARGV[3]  how many keys go
-- ARGV[4]  with a proof: how many messages may be missing in each of these ceilings, else -1
local first_ceiling = 2 + tonumber(ARGV[3])
for i = 2, first_ceiling - 1 do redis.call('DEL', KEYS[i]) end
uncount_message(first_ceiling, tonumber(ARGV[4]))
return { 'done' }
