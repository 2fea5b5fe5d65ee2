-- The conversion breaker of a prefix (breaker.rs has its rule): a table, and four arguments: a set there, a name, how many messages
-- are judged, "0" where there is no breaker, and how many of a hundred have to be redeemed. A slot holds, behind the name, the window,
-- parts of messages of this window, of earlier ones and of those that were redeemed, when a stranger was let through and when it
-- was told that it is open, and whether it is.
local BREAKERS = { sets = 5, slots = 8, bytes = 29 }
local STATE, MOST = '>I4I4I4I4I4I4B', 4294967295
local WINDOW, FORGETS, OF_ONE, MOST_WINDOWS, TRY, TELL, STAYS = 300, 8, 256, 64, 60, 3600, 4
-- A table that nobody writes to for so long holds nothing any more.
local FADES = WINDOW * MOST_WINDOWS

local function state_of(slots, behind)
  local window, fresh, sent, redeemed, tried, told, is_open = struct.unpack(STATE, slots, behind)
  return { window = window, fresh = fresh, sent = sent, redeemed = redeemed, tried = tried, told = told, is_open = is_open == 1 }
end

local function more(count)
  return math.min(MOST, count + OF_ONE)
end

-- The breaker that an argument begins, as it is now; nothing where there is none.
local function breaker_at(key, argument)
  local from = tonumber(ARGV[argument + 2])
  if from == 0 then return nil end
  local set, name = tonumber(ARGV[argument]), name_of(ARGV[argument + 1])
  local place, at, slots = find(BREAKERS, key, set, name)
  local state = { window = 0, fresh = 0, sent = 0, redeemed = 0, tried = 0, told = 0, is_open = false }
  if place then
    state = state_of(slots, at + NAME)
  else
    place = least(BREAKERS, set, slots, function(all, behind)
      local other = state_of(all, behind)
      return other.sent + other.fresh
    end)
  end
  local window = math.floor(now / WINDOW)
  local windows = window - state.window
  if windows >= MOST_WINDOWS then
    state.fresh, state.sent, state.redeemed, state.is_open = 0, 0, 0, false
  end
  for _ = 1, math.min(MOST_WINDOWS, windows) do
    local sent = math.min(MOST, state.sent + state.fresh)
    state.sent = sent - math.floor(sent / FORGETS)
    state.redeemed = state.redeemed - math.floor(state.redeemed / FORGETS)
    state.fresh = 0
  end
  state.window = window
  local judged_from = state.is_open and math.ceil(from / STAYS) or from
  state.is_open = state.sent >= judged_from * OF_ONE and state.redeemed * 100 < state.sent * tonumber(ARGV[argument + 3])
  state.key, state.place, state.slots, state.name = key, place, slots, name
  return state
end

local function keep_breaker(state)
  local is_open = state.is_open and 1 or 0
  local slot = struct.pack(STATE, state.window, state.fresh, state.sent, state.redeemed, state.tried, state.told, is_open)
  write(BREAKERS, state.key, state.place, state.slots, state.name .. slot, FADES)
end

-- Seconds until a stranger is let through.
local function breaker_wait(state)
  if not state or not state.is_open or state.tried > now then return 0 end
  return math.max(0, state.tried + TRY - now)
end

-- Counts a message, and adds to `answer` whether the breaker is open and that wasn't told lately, and what was sent and redeemed.
local function send(state, as_known, answer)
  local tells = 0
  if state then
    state.fresh = more(state.fresh)
    if state.is_open then
      if not as_known then state.tried = now end
      if state.told == 0 or state.told > now or now - state.told >= TELL then state.told, tells = now, 1 end
    end
    keep_breaker(state)
  end
  answer[#answer + 1] = tells
  answer[#answer + 1] = state and math.floor(state.sent / OF_ONE) or 0
  answer[#answer + 1] = state and math.floor(state.redeemed / OF_ONE) or 0
  return answer
end

-- Changes what is known of a prefix, if anything is.
local function change_breaker(key, argument, change)
  if tonumber(ARGV[argument + 2]) == 0 then return end
  local place, at, slots = find(BREAKERS, key, tonumber(ARGV[argument]), name_of(ARGV[argument + 1]))
  if not place then return end
  local state = state_of(slots, at + NAME)
  change(state)
  state.key, state.place, state.slots, state.name = key, place, slots, name_of(ARGV[argument + 1])
  keep_breaker(state)
end

local function redeem(key, argument)
  change_breaker(key, argument, function(state) state.redeemed = more(state.redeemed) end)
end

-- A message that was counted didn't leave.
local function unsend(key, argument)
  change_breaker(key, argument, function(state)
    if state.fresh > 0 then
      state.fresh = math.max(0, state.fresh - OF_ONE)
    else
      state.sent = math.max(0, state.sent - OF_ONE)
    end
  end)
end
