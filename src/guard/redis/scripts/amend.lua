-- Corrects what count.lua counted as wrong before the result was known.
--
-- ARGV[11] "right", or "unanswered"
if not is_current(ARGV[3]) then return { 'misdirected' } end
if redis.call('EXISTS', KEYS[2]) == 0 then return { 'expired' } end
local uses, wrong = counts()
if ARGV[11] == 'right' then
  if uses >= max_uses then return { 'spent' } end
  redis.call('HINCRBY', KEYS[2], 'u', 1)
  take_off(math.huge)
else
  take_off(1)
end
if wrong > 0 then redis.call('HINCRBY', KEYS[2], 'a', -1) end
return { 'done' }
