-- Counts an attempt, then opens its verdict.
--
-- KEYS[4]  the table of the breaker
-- ARGV[12] "1" if what was presented is right
-- ARGV[13…] four of the breaker
local refused, left, field = standing()
if refused then return { refused } end
if ARGV[12] == '1' then
  local uses = redis.call('HINCRBY', KEYS[2], 'u', 1)
  -- A link, which has no attempts, takes nothing off: its message reaches the victim of whoever asked for it.
  if max_attempts > 0 then take_off_all() end
  -- However often a challenge may be used, its message counts as redeemed once.
  if uses == 1 then redeem(KEYS[4], 13) end
  return { 'accepted', uses }
elseif max_attempts > 0 then
  redis.call('HINCRBY', KEYS[2], 'a', 1)
  compare(field)
else
  return { 'rejected', 0 }
end
return { 'rejected', left - 1 }
