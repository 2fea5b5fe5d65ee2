-- Where an attempt's challenge stands.
--
-- KEYS[2]  the challenge: a hash of uses "u", wrong codes "a" and comparisons "c", which its request made
-- KEYS[3]  the recipient's comparisons: a hash of windows
-- ARGV[3]  the epoch in the envelope
-- ARGV[4]  its exp
-- ARGV[5]  max_uses
-- ARGV[6]  max_attempts, "0" for a link, which has none
-- ARGV[7]  "1" if a wrong code takes a use
-- ARGV[8]  the field of comparisons by strangers
-- ARGV[9]  from how many of these on a code like this isn't compared any more; "-1": it always is
-- ARGV[10] how many are kept for known devices; "0" for who is none
-- ARGV[11] from how many by all on a stranger's code isn't compared any more; "-1": it always is
local max_uses, max_attempts = tonumber(ARGV[5]), tonumber(ARGV[6])
local strangers_most, known_most, all_most = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])

local function is_current(spelled)
  return spelled == epoch(string.sub(spelled, 1, -33))
end

-- Its uses and wrong codes; nothing where there is no record.
local function counts()
  local fields = redis.call('HMGET', KEYS[2], 'u', 'a')
  if fields[1] then return tonumber(fields[1]), tonumber(fields[2] or 0) end
end

-- Why the attempt is refused, if it is; else how many attempts are left, and the field in which it is compared.
local function standing()
  if not is_current(ARGV[3]) then return 'misdirected' end
  if tonumber(ARGV[4]) <= now then return 'expired' end
  -- No request made it here, or the record is lost, whatever took it: nobody knows any more what was spent.
  local uses, wrong = counts()
  if not uses then return 'misdirected' end
  local uses_left = max_uses - uses - (ARGV[7] == '1' and wrong or 0)
  if uses_left <= 0 then return 'spent' end
  if max_attempts == 0 then return nil, 0 end
  local left = max_attempts - wrong
  if left <= 0 then return 'exhausted' end
  local _, today, yesterday = windows(KEYS[3], ARGV[8])
  local _, known_today, known_yesterday = windows(KEYS[3], known_field(ARGV[8]))
  local strangers, known = today + yesterday, known_today + known_yesterday
  local field = next_field(ARGV[8], strangers, known, strangers_most, known_most, all_most)
  if not field then return 'exhausted' end
  return nil, ARGV[7] == '1' and math.min(left, uses_left) or left, field
end
