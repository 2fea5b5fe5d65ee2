-- Corrects what count.lua counted as wrong before the result was known.
--
-- KEYS[4]  the table of the breaker
-- ARGV[12] "right", or "unanswered"
-- ARGV[13…] four of the breaker
if not is_current(ARGV[3]) then return { 'misdirected' } end
local uses, wrong = counts()
-- Its record is gone, or no attempt was ever counted.
if not uses or not redis.call('HGET', KEYS[2], 'a') then return { 'expired' } end
if ARGV[12] == 'right' then
  if uses >= max_uses then return { 'spent' } end
  uses = redis.call('HINCRBY', KEYS[2], 'u', 1)
  take_off_all()
  if uses == 1 then redeem(KEYS[4], 13) end
else
  take_off_one()
end
if wrong > 0 then redis.call('HINCRBY', KEYS[2], 'a', -1) end
return { 'done', ARGV[12] == 'right' and uses or 0 }
