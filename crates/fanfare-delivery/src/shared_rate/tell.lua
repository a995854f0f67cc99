-- Says of places of KEYS[1] when they are free: after ARGV[1], the life of the whole in ms,
-- each place's number and in how many ms, not above 0 for now.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for place = 2, #ARGV, 2 do
  local left = tonumber(ARGV[place + 1])
  if left > 0 then
    redis.call('ZADD', KEYS[1], string.format('%.0f', now + left), ARGV[place])
  else
    redis.call('ZREM', KEYS[1], ARGV[place])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
