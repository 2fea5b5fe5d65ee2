-- Takes part in this memory, with the key of the counters that is offered if there is none yet.
--
-- ARGV[3]  random, for a new epoch
remember(ARGV[3], 0)
return { 'begun', epoch('') }
