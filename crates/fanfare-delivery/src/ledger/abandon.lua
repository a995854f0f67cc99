-- Ends the lease of ARGV[1] on KEYS[1], and nobody else's; the entry lives ARGV[2] ms.
local entry = redis.call('GET', KEYS[1])
if entry and string.match(entry, '^%d+') == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1] .. ' 0', 'PX', ARGV[2])
end
