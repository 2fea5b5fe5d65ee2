-- The comparisons that one challenge made, for a success to take off: "<day> <strangers' count> <known devices' count>" in its
-- field "c". Those of another day stay where they were counted.
--
-- KEYS[2]  the challenge
-- KEYS[3]  the recipient's comparisons
-- ARGV[8]  the field of strangers'

local function made()
  local day, strangers, known = string.match(redis.call('HGET', KEYS[2], 'c') or '', '^(%d+) (%d+) (%d+)$')
  return tonumber(day), tonumber(strangers or 0), tonumber(known or 0)
end

local function note(day, strangers, known)
  redis.call('HSET', KEYS[2], 'c', string.format('%d %d %d', day, strangers, known))
end

local function compare(field)
  local today = windows(KEYS[3], field)
  local day, strangers, known = made()
  if day ~= today then strangers, known = 0, 0 end
  if field == ARGV[8] then strangers = strangers + 1 else known = known + 1 end
  note(today, strangers, known)
  add(KEYS[3], field, today, 1)
end

local function take_off(strangers, known)
  local day, made_by_strangers, made_by_known = made()
  if strangers + known == 0 then return end
  note(day, made_by_strangers - strangers, made_by_known - known)
  if strangers > 0 then add(KEYS[3], ARGV[8], day, -strangers) end
  if known > 0 then add(KEYS[3], known_field(ARGV[8]), day, -known) end
end

local function take_off_all()
  local _, strangers, known = made()
  take_off(strangers, known)
end

local function take_off_one()
  local _, strangers, known = made()
  if known_most > 0 and known > 0 then take_off(0, 1) elseif strangers > 0 then take_off(1, 0) end
end
