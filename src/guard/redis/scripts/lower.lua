-- Gives back what raise.lua counted.
--
-- KEYS[2]  the table of the breaker
-- KEYS[3…] ceilings
-- ARGV[3…] four of the breaker
-- ARGV[7…] three for each ceiling
unsend(KEYS[2], 3)
uncount_message(3, 7)
return { 'done' }
