-- KEYS[1] is delivered, for ARGV[2] ms to come. True whoever says it and however late, so
-- nobody's claim is looked at, and no end of a claim changes it.
redis.call('SET', KEYS[1], 'delivered', 'PX', ARGV[2])
