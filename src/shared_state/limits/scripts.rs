//! What Redis does in one step.

use std::sync::LazyLock;

use deadpool_redis::redis::Script;

/// Takes one unit from each counter, or none. The answer: 0 done; from 1, the counter that is full, and for how long (µs);
/// -1, a number is not known yet: what the database says of it must be recalled first.
///
/// KEYS: since when draws are counted here, the counters, and a mark for each counter that the database knows the past of.
/// ARGV: now in µs, a unique member, since when to count if nothing is known, whether to begin anew; then count, window (µs)
/// and the place of the mark (0: none) of each counter. Scores are exact, since µs since 1970 fit in a double until the
/// year 2255.
pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, counters = tonumber(ARGV[1]), (#ARGV - 4) / 3
local since = redis.call('GET', KEYS[1])
if not since or ARGV[4] == '1' then
    since = ARGV[4] == '1' and ARGV[1] or ARGV[3]
    redis.call('SET', KEYS[1], since)
end
since = tonumber(since)
for i = 1, counters do
    local window, mark = tonumber(ARGV[3 * i + 3]), tonumber(ARGV[3 * i + 4])
    if mark > 0 and now - since < window then
        local known = redis.call('GET', KEYS[1 + counters + mark])
        if not known or tonumber(known) < since then
            return {-1, '0'}
        end
    end
end
for i = 1, counters do
    local key, count, window = KEYS[1 + i], tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - window))
    -- Draws from the future were made before the clock was set back.
    redis.call('ZREMRANGEBYSCORE', key, string.format('%.0f', now + 5000000), '+inf')
    local size = redis.call('ZCARD', key)
    if size >= count then
        local leaver = redis.call('ZRANGE', key, size - count, size - count, 'WITHSCORES')
        return {i, string.format('%.0f', tonumber(leaver[2]) + window - now)}
    end
end
for i = 1, counters do
    redis.call('ZADD', KEYS[1 + i], ARGV[1], ARGV[2])
    redis.call('PEXPIRE', KEYS[1 + i], math.ceil(tonumber(ARGV[3 * i + 3]) / 1000))
end
return {0, '0'}
",
    )
});

/// Puts what the database knows in place of a counter, unless somebody did so before.
///
/// KEYS: since when draws are counted, the counter, its mark. ARGV: now and the window in µs, then the past draws.
pub(super) static RECALL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local since = tonumber(redis.call('GET', KEYS[1]) or '0')
local known = redis.call('GET', KEYS[3])
if known and tonumber(known) >= since then return 0 end
local milliseconds = math.ceil(tonumber(ARGV[2]) / 1000)
redis.call('SET', KEYS[3], ARGV[1], 'PX', milliseconds)
redis.call('DEL', KEYS[2])
for i = 3, #ARGV do
    redis.call('ZADD', KEYS[2], ARGV[i], 'past:' .. i)
end
redis.call('PEXPIRE', KEYS[2], milliseconds)
return 1
",
    )
});

pub(super) static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new("for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end return 0")
});
