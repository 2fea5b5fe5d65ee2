-- Gives back the use of an accepted attempt.
if is_current(ARGV[3]) and counts() > 0 then redis.call('HINCRBY', KEYS[2], 'u', -1) end
return { 'done' }
