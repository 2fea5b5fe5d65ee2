-- Comparisons of this day and of the one before: "<day> <count> <count of the one before>" in a field of a recipient's hash, "c"
-- of codes and "x" of external checks; behind a "k" those of known devices.
local DAY = 86400

local function known_field(field)
  return 'k' .. field
end

-- A day ahead of the clock, which was set back then, stays today.
local function windows(bucket, field)
  local day = math.floor(now / DAY)
  local at, today, yesterday = string.match(redis.call('HGET', bucket, field) or '', '^(%d+) (%d+) (%d+)$')
  at, today, yesterday = tonumber(at), tonumber(today), tonumber(yesterday)
  if not at or at < day - 1 then return day, 0, 0 end
  if at < day then return day, 0, today end
  return at, today, yesterday
end

-- The field in which the next comparison counts, by what was counted: past their share known devices are strangers. Nothing if
-- there is none. A number below 0 is no limit; `known_most` is 0 for who is no known device.
local function next_field(field, strangers, known, strangers_most, known_most, all_most)
  if known < known_most then return known_field(field) end
  local is_open = strangers_most < 0 or strangers < strangers_most
  if is_open and (all_most < 0 or strangers + known < all_most) then return field end
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
