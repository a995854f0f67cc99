-- Takes back the claim of ARGV[1] on KEYS[1], and nobody else's.
local entry = redis.call('GET', KEYS[1])
if entry and string.match(entry, '^%d+') == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
