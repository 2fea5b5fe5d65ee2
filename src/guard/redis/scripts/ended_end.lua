-- Remembers that a session was ended, and with it everything of its subject that began before a moment.
--
-- KEYS[1]  the session's
-- KEYS[2]  its subject's
-- ARGV[1]  until when the session is remembered
-- ARGV[2]  the millisecond before which everything is ended; "" for this session only
-- ARGV[3]  until when that is remembered
local now = tonumber(redis.call('TIME')[1])

-- Whatever was to be remembered longer stays so.
local function remember(key, value, ends)
  ends = math.max(tonumber(ends), now + redis.call('TTL', key))
  redis.call('SET', key, value)
  redis.call('EXPIREAT', key, ends)
end

if ARGV[2] ~= '' then
  local before = redis.call('GET', KEYS[2])
  remember(KEYS[2], before and tonumber(before) > tonumber(ARGV[2]) and before or ARGV[2], ARGV[3])
end
remember(KEYS[1], '1', ARGV[1])
return { 'done' }
