-- Where an attempt's challenge stands.
--
-- KEYS[2]  the challenge: a hash of uses "u", wrong codes "a" and comparisons "c", which its request made
-- KEYS[3]  the attempt's bucket: a hash of windows, "c" of comparisons, "x" of external checks
-- ARGV[3]  the epoch in the envelope
-- ARGV[4]  its exp
-- ARGV[5]  max_uses
-- ARGV[6]  max_attempts, "0" for a link, which has none
-- ARGV[7]  "1" if a wrong code takes a use
-- ARGV[8]  the bucket's field
-- ARGV[9]  from how many comparisons on this code isn't compared any more; "-1": it always is
local max_uses, max_attempts, most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[9])

local function is_current(spelled)
  return spelled == epoch(string.sub(spelled, 1, -33))
end

-- Its uses and wrong codes; nothing where there is no record.
local function counts()
  local fields = redis.call('HMGET', KEYS[2], 'u', 'a')
  if fields[1] then return tonumber(fields[1]), tonumber(fields[2] or 0) end
end

-- Why the attempt is refused, if it is; else how many attempts are left.
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
  if most >= 0 then
    local _, today, yesterday = windows(KEYS[3], ARGV[8])
    if today + yesterday >= most then return 'exhausted' end
  end
  return nil, ARGV[7] == '1' and math.min(left, uses_left) or left
end
