-- Comparisons of this day and of the one before: "<day> <count> <count of the one before>" in a field of a bucket.
local DAY = 86400

-- A day ahead of the clock, which was set back then, stays today.
local function windows(bucket, field)
  local day = math.floor(now / DAY)
  local at, today, yesterday = string.match(redis.call('HGET', bucket, field) or '', '^(%d+) (%d+) (%d+)$')
  at, today, yesterday = tonumber(at), tonumber(today), tonumber(yesterday)
  if not at or at < day - 1 then return day, 0, 0 end
  if at < day then return day, 0, today end
  return at, today, yesterday
end

-- Adds `count`, which may be negative, to what was counted on `day`; never below nothing.
local function add(bucket, field, day, count)
  local at, today, yesterday = windows(bucket, field)
  if day == at then
    today = math.max(0, today + count)
  elseif day == at - 1 then
    yesterday = math.max(0, yesterday + count)
  end
  redis.call('HSET', bucket, field, string.format('%d %d %d', at, today, yesterday))
  if count > 0 then redis.call('EXPIREAT', bucket, (at + 2) * DAY) end
end
