-- Ceilings on messages: counters that last an hour from the first message on. A ceiling is a key, and two arguments: how many
-- messages it allows, and how many after a proof of work (the same number where a proof doesn't lift it).
local HOUR = 3600

-- Seconds until the first ceiling that refuses begins anew, and 1 if a proof would lift it; nothing if none refuses.
local function refusal(first_key, first_argument, proved)
  for i = 0, #KEYS - first_key do
    local key = KEYS[first_key + i]
    local allowed, lifted = tonumber(ARGV[first_argument + 2 * i]), tonumber(ARGV[first_argument + 2 * i + 1])
    local count = tonumber(redis.call('GET', key) or 0)
    if count >= (proved and lifted or allowed) then
      return math.max(1, redis.call('TTL', key)), (not proved and count < lifted) and 1 or 0
    end
  end
end

local function count_message(first_key)
  for i = first_key, #KEYS do
    if redis.call('INCR', KEYS[i]) == 1 then redis.call('EXPIRE', KEYS[i], HOUR) end
  end
end

local function uncount_message(first_key)
  for i = first_key, #KEYS do
    if tonumber(redis.call('GET', KEYS[i]) or 0) > 0 then redis.call('DECR', KEYS[i]) end
  end
end
