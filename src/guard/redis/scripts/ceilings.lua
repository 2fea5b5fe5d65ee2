-- Ceilings on messages: buckets that hold as many messages as they get back in an hour, drop by drop. A ceiling is a key, which is a
-- table, and five arguments: its set there, its name, how many messages it gets back in an hour, how many may be missing, and "1" if a
-- proof of work lifts it, to LIFTED times as many. A slot holds, behind the name, the second at which so much was missing, and so
-- much of the larger bucket, in parts of which 3600 are a message.
local PARTS, LIFTED = 3600, 5
local BUCKETS, FORM = { sets = 5, slots = 8, bytes = 24 }, '>I4dd'

-- What is forgotten with a slot: messages, none after an hour.
local function messages(slots, behind)
  local at, missing, lifted = struct.unpack(FORM, slots, behind)
  if math.abs(at - now) >= PARTS then return 0 end
  return math.ceil(math.max(missing, lifted) / PARTS)
end

-- The ceilings from a key and an argument on, as they are now.
local function ceilings(first_key, first_argument)
  local all = {}
  for i = 0, #KEYS - first_key do
    local at = first_argument + 5 * i
    local key, set, name, per_hour = KEYS[first_key + i], tonumber(ARGV[at]), name_of(ARGV[at + 1]), tonumber(ARGV[at + 2])
    local ceiling = { key = key, set = set, name = name, per_hour = per_hour, missing = 0, lifted = 0 }
    ceiling.most, ceiling.is_lifted = tonumber(ARGV[at + 3]), ARGV[at + 4] == '1'
    local place, found, slots = find(BUCKETS, key, set, name)
    ceiling.place, ceiling.slots = place, slots
    if place then
      local since, missing, lifted = struct.unpack(FORM, slots, found + NAME)
      -- One that was written by a clock that was set back since goes on from here.
      if since > now then redis.call('SETRANGE', key, place + NAME, struct.pack('>I4', now)) end
      local back = math.max(0, now - since) * per_hour
      ceiling.missing, ceiling.lifted = math.max(0, missing - back), math.max(0, lifted - back * LIFTED)
    end
    all[i + 1] = ceiling
  end
  return all
end

local function until_drop(missing, most, per_hour)
  return math.max(0, math.ceil((missing + PARTS - most * PARTS) / per_hour))
end

-- Seconds until no ceiling refuses, as it is and with a proof; and how often what is lifted had all messages of an hour.
local function look(all, proved)
  local wait, wait_with_proof, times = 0, 0, 0
  for _, ceiling in ipairs(all) do
    local own = until_drop(ceiling.missing, ceiling.most, ceiling.per_hour)
    local with_proof = own
    if ceiling.is_lifted then
      with_proof = until_drop(ceiling.lifted, ceiling.per_hour * LIFTED, ceiling.per_hour * LIFTED)
      times = math.max(times, math.floor(math.ceil(ceiling.lifted / PARTS) / ceiling.per_hour))
      -- The larger bucket holds all messages, those without a proof too.
      own = proved and with_proof or math.max(own, with_proof)
    end
    wait, wait_with_proof = math.max(wait, own), math.max(wait_with_proof, with_proof)
  end
  return wait, wait_with_proof, times
end

-- Takes one message out of each bucket, and adds to `answer` how many parts of one were there: with a proof a message leaves a
-- bucket even where none is in it.
local function count_message(all, answer)
  for _, ceiling in ipairs(all) do
    local place, slots = ceiling.place, ceiling.slots
    if not place then
      -- Another one may have been written into this set meanwhile.
      local _
      _, _, slots = find(BUCKETS, ceiling.key, ceiling.set, ceiling.name)
      place = least(BUCKETS, ceiling.set, slots, messages)
    end
    local missing = math.max(ceiling.missing, math.min(ceiling.missing + PARTS, ceiling.most * PARTS))
    local lifted = math.min(ceiling.lifted + PARTS, ceiling.per_hour * LIFTED * PARTS)
    write(BUCKETS, ceiling.key, place, slots, ceiling.name .. struct.pack(FORM, now, missing, lifted), PARTS)
    answer[#answer + 1] = missing - ceiling.missing
  end
  return answer
end

-- Puts back what was taken. Here a ceiling has three arguments: its set, its name, and the parts that were taken.
local function uncount_message(first_key, first_argument)
  for i = 0, #KEYS - first_key do
    local key, argument = KEYS[first_key + i], first_argument + 3 * i
    local place, at, slots = find(BUCKETS, key, tonumber(ARGV[argument]), name_of(ARGV[argument + 1]))
    if place then
      local since, missing, lifted = struct.unpack(FORM, slots, at + NAME)
      local less = { math.max(0, missing - tonumber(ARGV[argument + 2])), math.max(0, lifted - PARTS) }
      redis.call('SETRANGE', key, place + NAME, struct.pack(FORM, since, less[1], less[2]))
    end
  end
end

-- The answer to a request that must wait: with a puzzle, of how many doublings, where a proof lifts that; else with -1.
local function throttled(wait, wait_with_proof, times)
  if wait_with_proof > 0 then return { 'throttled', wait_with_proof, -1 } end
  return { 'throttled', wait, times }
end
