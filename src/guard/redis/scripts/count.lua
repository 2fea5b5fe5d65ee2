-- Counts an attempt, then opens its verdict.
--
-- ARGV[12] "1" if what was presented is right
local refused, left, field = standing()
if refused then return { refused } end
if ARGV[12] == '1' then
  redis.call('HINCRBY', KEYS[2], 'u', 1)
  -- A link, which has no attempts, takes nothing off: its message reaches the victim of whoever asked for it.
  if max_attempts > 0 then take_off_all() end
elseif max_attempts > 0 then
  redis.call('HINCRBY', KEYS[2], 'a', 1)
  compare(field)
else
  return { 'rejected', 0 }
end
return ARGV[12] == '1' and { 'accepted' } or { 'rejected', left - 1 }
