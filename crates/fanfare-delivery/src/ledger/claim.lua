-- Claims KEYS[1] for ARGV[1], a number, for ARGV[2] ms; the entry lives ARGV[3] ms.
--
-- An entry is "delivered", or a claim: its holder's number and when its lease ends. It
-- outlives the lease, so that who comes later sees that somebody ended without a word.
--
-- Answers -2: delivered; -1: ours, after somebody's lease ran out; 0: ours; more than 0:
-- somebody's for so many ms.
local entry = redis.call('GET', KEYS[1])
if entry == 'delivered' then return -2 end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = 0
if entry then
  local ends = tonumber(string.match(entry, ' (%d+)$')) or 0
  if ends > now then return ends - now end
  answer = -1
end
redis.call('SET', KEYS[1], string.format('%s %.0f', ARGV[1], now + ARGV[2]), 'PX', ARGV[3])
return answer
