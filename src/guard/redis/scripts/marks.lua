-- Marks that last until a moment: slots of a name and that second. All solved puzzles of a table are one set, so that there is room
-- for many of one recipient.
local PAUSES = { sets = 7, slots = 8, bytes = 8 }
local PROOFS = { sets = 1, slots = 120, bytes = 8 }

local function mark_end(slots, at)
  return struct.unpack('>I4', slots, at)
end

-- Seconds until a name isn't marked any more. A mark further away than `longest` comes from a clock that was set back, and is none.
local function mark_left(kind, key, set, name, longest)
  local place, at, slots = find(kind, key, set, name)
  if not place then return 0 end
  local left = mark_end(slots, at + NAME) - now
  return left <= longest and math.max(0, left) or 0
end

-- Where a mark can be made, in which set's slots, and whether none is forgotten for it.
local function place_for(kind, key, set, name)
  local place, at, slots = find(kind, key, set, name)
  if place then return place, slots, true end
  local weight
  place, weight = least(kind, set, slots, function(all, behind)
    local ends = mark_end(all, behind)
    return ends > now and ends or 0
  end)
  return place, slots, weight == 0
end

-- Marks a name until a moment. Where its set is full the mark that ends first goes.
local function mark(kind, key, set, name, ends)
  local place, slots = place_for(kind, key, set, name)
  write(kind, key, place, slots, name .. struct.pack('>I4', ends), math.max(ends - now, redis.call('TTL', key)))
end

-- Takes a mark back, if it is the one that was made until this moment.
local function unmark(kind, key, set, name, ends)
  local place, at, slots = find(kind, key, set, name)
  if place and mark_end(slots, at + NAME) == ends then redis.call('SETRANGE', key, place, string.rep('\0', kind.bytes)) end
end
