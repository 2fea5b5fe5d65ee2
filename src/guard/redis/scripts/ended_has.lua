-- Whether a session was ended.
--
-- KEYS[1]  the session's
-- KEYS[2]  its subject's: the millisecond before which everything was ended
-- ARGV[1]  when the session began, in milliseconds
local before = redis.call('GET', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 1 or before and tonumber(ARGV[1]) < tonumber(before) then return { 'ended' } end
return { 'living' }
