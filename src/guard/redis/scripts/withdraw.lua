-- Gives back what admit.lua or raise.lua counted.
--
-- KEYS[2…] keys that go
-- KEYS[…]  ceilings
-- ARGV[3]  how many keys go
-- ARGV[4…] for each ceiling the parts of a message that were taken
local first_ceiling = 2 + tonumber(ARGV[3])
for i = 2, first_ceiling - 1 do redis.call('DEL', KEYS[i]) end
uncount_message(first_ceiling, 4)
return { 'done' }
