-- Where an attempt's challenge stands.
--
-- KEYS[2]  the challenge: a hash of uses "u", wrong codes "a" and comparisons "c"
-- KEYS[3]  the attempt's bucket: a hash of windows, "c" of comparisons, "x" of external checks
-- KEYS[4]  the mark of the minute in which the challenge ends
-- ARGV[3]  the epoch in the envelope
-- ARGV[4]  its exp
-- ARGV[5]  max_uses
-- ARGV[6]  max_attempts, "0" for a link, which has none
-- ARGV[7]  "1" if a wrong code takes a use
-- ARGV[8]  the bucket's field
-- ARGV[9]  from how many comparisons on this code isn't compared any more; "-1": it always is
local max_uses, max_attempts, most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[9])

local function counts()
  local fields = redis.call('HMGET', KEYS[2], 'u', 'a')
  return tonumber(fields[1] or 0), tonumber(fields[2] or 0)
end

-- Why the attempt is refused, if it is; else how many attempts are left.
local function standing()
  if not is_current(ARGV[3]) then return 'misdirected' end
  if tonumber(ARGV[4]) <= now then return 'expired' end
  -- The clock jumped ahead and back while no script looked: a record may be gone.
  if redis.call('EXISTS', KEYS[4]) == 0 then return 'misdirected' end
  local uses, wrong = counts()
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

-- The record outlives its challenge, in case the clock is set back.
local function keep()
  redis.call('EXPIREAT', KEYS[2], tonumber(ARGV[4]) + OUTLIVES)
end
