-- Gives back what admit.lua or raise.lua counted, but for the proof, which may have counted for another request before.
--
-- KEYS[2]  the pause
-- KEYS[3…] ceilings
redis.call('DEL', KEYS[2])
uncount_message(3)
return { 'done' }
