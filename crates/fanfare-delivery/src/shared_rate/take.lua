-- Takes a place of KEYS[1] for ARGV[1], a number.
--
-- The places that are taken are a sorted set: each with when it is free again, in ms by the
-- clock of this Redis. There are ARGV[2] of them. Unless more is said, one is taken for
-- ARGV[3] ms. If none is free, the one that will be first is taken ahead, unless that is
-- more than ARGV[4] ms away.
--
-- Answers in how many ms the place is ours; -1: there is none.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
-- Nobody takes one for longer than that: the clock was set back, and would stop everything.
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now + ARGV[3] + ARGV[4]), '+inf')

local wait = 0
local excess = redis.call('ZCARD', KEYS[1]) - ARGV[2]
if excess > 0 then return -1 end
if excess == 0 then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  wait = first[2] - now
  if wait > tonumber(ARGV[4]) then return -1 end
  redis.call('ZREM', KEYS[1], first[1])
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + wait + ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3] + ARGV[4])
return wait
