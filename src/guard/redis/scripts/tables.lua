-- Tables of fixed size: strings of slots of one length, so many of which are a set. A keyed hash chooses the table, a set in it and a
-- name, which is never 0. A slot begins with its name (4 bytes); one of zeros is free. Of a set that is full the least important
-- slot is forgotten, which errs toward letting through, or nothing more is taken. So whoever asks for many things makes no more keys.
-- A kind of tables is its number of sets, of slots in a set, and of bytes in a slot.
local NAME = 4

-- Where the slot of a name is in its table, and where in its set's slots, which come third; without the first where there is none.
local function find(kind, key, set, name)
  local bytes = kind.slots * kind.bytes
  local slots = redis.call('GETRANGE', key, set * bytes, set * bytes + bytes - 1)
  local at = string.find(slots, name, 1, true)
  -- These bytes may also be inside of a slot.
  while at and (at - 1) % kind.bytes ~= 0 do at = string.find(slots, name, at + 1, true) end
  return at and set * bytes + at - 1, at, slots
end

-- Where a set has its least important slot, and how important that is: 0 if it is free. `weigh` judges what stands behind a name.
local function least(kind, set, slots, weigh)
  local place, weight
  for at = 1, kind.slots * kind.bytes, kind.bytes do
    local own = at > #slots and 0 or weigh(slots, at + NAME)
    if not weight or own < weight then place, weight = set * kind.slots * kind.bytes + at - 1, own end
    if own == 0 then break end
  end
  return place, weight
end

-- Writes a slot. The table ends when nobody wrote to it for so many seconds. One that begins has its size at once: Redis would take
-- twice as much for one that grows.
local function write(kind, key, place, slots, slot, seconds)
  if #slots == 0 then redis.call('SET', key, string.rep('\0', kind.sets * kind.slots * kind.bytes)) end
  redis.call('SETRANGE', key, place, slot)
  redis.call('EXPIRE', key, seconds)
end

-- A name as it stands in slots.
local function name_of(number)
  return struct.pack('>I4', tonumber(number))
end
