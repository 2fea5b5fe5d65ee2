-- The comparisons that one challenge made, for a success to take off: "<day> <count> <bucket>" in its field "c". Those of
-- another bucket, or of another day, stay where they were counted.
--
-- KEYS[2]  the challenge
-- KEYS[3]  the bucket
-- ARGV[8]  the bucket's field
-- ARGV[10] what the challenge calls the bucket

local function counted()
  local day, count, bucket = string.match(redis.call('HGET', KEYS[2], 'c') or '', '^(%d+) (%d+) (.+)$')
  if bucket == ARGV[10] then return tonumber(day), tonumber(count) end
  return nil, 0
end

local function note(day, count)
  redis.call('HSET', KEYS[2], 'c', string.format('%d %d %s', day, count, ARGV[10]))
end

local function compare()
  local today = windows(KEYS[3], ARGV[8])
  local day, count = counted()
  note(today, (day == today and count or 0) + 1)
  add(KEYS[3], ARGV[8], today, 1)
end

local function take_off(most)
  local day, count = counted()
  local off = math.min(most, count)
  if off > 0 then
    note(day, count - off)
    add(KEYS[3], ARGV[8], day, -off)
  end
end
