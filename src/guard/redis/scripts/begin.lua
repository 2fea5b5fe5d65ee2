-- Takes part in this memory, with the key of the counters that is offered if there is none yet.
history()
if not known_key then redis.call('SET', KEYS[1], ARGV[1]) end
return { 'begun' }
