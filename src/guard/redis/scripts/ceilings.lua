-- Ceilings on messages: buckets that hold as many messages as they get back in an hour, drop by drop. A ceiling is a key,
-- "<second> <missing> <missing with proofs>" in parts of which 3600 are a message, and three arguments: how many messages it gets
-- back in an hour, how many may be missing, and "1" if a proof of work lifts it, to LIFTED times as many.
local PARTS, LIFTED = 3600, 5

local function missing_in(key, per_hour)
  local at, missing, lifted = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+)$')
  if not at then return 0, 0 end
  local back = math.max(0, now - tonumber(at)) * per_hour
  -- One that was written by a clock that was set back since goes on from here.
  if tonumber(at) > now then redis.call('SET', key, string.format('%.0f %s %s', now, missing, lifted), 'KEEPTTL') end
  return math.max(0, tonumber(missing) - back), math.max(0, tonumber(lifted) - back * LIFTED)
end

local function until_drop(missing, most, per_hour)
  return math.max(0, math.ceil((missing + PARTS - most * PARTS) / per_hour))
end

local function each_ceiling(first_key, first_argument, act)
  for i = 0, #KEYS - first_key do
    local at = first_argument + 3 * i
    act(KEYS[first_key + i], tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2] == '1')
  end
end

-- Seconds until no ceiling refuses, as it is and with a proof; and how often what is lifted had all messages of an hour.
local function look(first_key, first_argument, proved)
  local wait, wait_with_proof, times = 0, 0, 0
  each_ceiling(first_key, first_argument, function(key, per_hour, most, is_lifted)
    local missing, lifted = missing_in(key, per_hour)
    local own = until_drop(missing, most, per_hour)
    local with_proof = own
    if is_lifted then
      with_proof = until_drop(lifted, per_hour * LIFTED, per_hour * LIFTED)
      times = math.max(times, math.floor(math.ceil(lifted / PARTS) / per_hour))
      -- The larger bucket holds all messages, those without a proof too.
      own = proved and with_proof or math.max(own, with_proof)
    end
    wait, wait_with_proof = math.max(wait, own), math.max(wait_with_proof, with_proof)
  end)
  return wait, wait_with_proof, times
end

-- Takes one message out of each bucket, and adds to `answer` how many parts of one were there: with a proof a message leaves a
-- bucket even where none is in it.
local function count_message(first_key, first_argument, answer)
  each_ceiling(first_key, first_argument, function(key, per_hour, most)
    local before, lifted = missing_in(key, per_hour)
    local missing = math.max(before, math.min(before + PARTS, most * PARTS))
    lifted = math.min(lifted + PARTS, per_hour * LIFTED * PARTS)
    redis.call('SET', key, string.format('%.0f %.0f %.0f', now, missing, lifted), 'EX', PARTS)
    answer[#answer + 1] = missing - before
  end)
  return answer
end

-- Puts back what was taken: the parts that an argument for each bucket says.
local function uncount_message(first_key, first_argument)
  for i = 0, #KEYS - first_key do
    local key = KEYS[first_key + i]
    local at, missing, lifted = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+)$')
    if at then
      local less = { math.max(0, tonumber(missing) - tonumber(ARGV[first_argument + i])), math.max(0, tonumber(lifted) - PARTS) }
      redis.call('SET', key, string.format('%s %.0f %.0f', at, less[1], less[2]), 'KEEPTTL')
    end
  end
end

-- The answer to a request that must wait: with a puzzle, of how many doublings, where a proof lifts that; else with -1.
local function throttled(wait, wait_with_proof, times)
  if wait_with_proof > 0 then return { 'throttled', wait_with_proof, -1 } end
  return { 'throttled', wait, times }
end
