-- Gives back the use of an accepted attempt.
local uses = counts()
if is_current(ARGV[3]) and uses and uses > 0 then redis.call('HINCRBY', KEYS[2], 'u', -1) end
return { 'done' }
