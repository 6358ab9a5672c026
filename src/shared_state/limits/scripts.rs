//! What Redis does in one step.
//!
//! A counter of at most [`FEW`] draws, or one that is recorded, is one string of doubles: since when the past is known, then the
//! times of its draws. A larger one is a sorted set. Times are µs since 1970, which a double holds exactly until the year 2255.

use std::sync::LazyLock;

use deadpool_redis::redis::Script;

/// The largest count of a limit whose draws are one string.
pub(super) const FEW: u32 = 64;

/// Takes the draws of many requests, one after another; each takes all of its draws, or none. Two numbers answer each: 0 done;
/// from 1, the draw whose limit is exhausted, and for how long (µs); -1, a number is not known yet: what the database says of
/// it must be recalled first.
///
/// KEYS: since when draws are counted here, then the counters. ARGV: now, since when to count if nothing is known, whether to
/// begin anew, a prefix for members that is used once; the number of shapes, and each: whether it is a sorted set, whether it is
/// recorded, the number of rates, then their counts and windows (µs); then the requests: whether to look only, the number of
/// draws, and for each the places of its counter and its shape.
pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, place = tonumber(ARGV[1]), 0
local since = redis.call('GET', KEYS[1])
if not since or ARGV[3] == '1' then
    since = ARGV[3] == '1' and ARGV[1] or ARGV[2]
    redis.call('SET', KEYS[1], since)
end
since = tonumber(since)

local shapes = {}
place = 6
for i = 1, tonumber(ARGV[5]) do
    local shape = {many = ARGV[place] == '1', recorded = ARGV[place + 1] == '1', longest = 0}
    for rate = 1, tonumber(ARGV[place + 2]) do
        local count, window = tonumber(ARGV[place + 1 + 2 * rate]), tonumber(ARGV[place + 2 + 2 * rate])
        shape[rate] = {count, window}
        shape.longest = math.max(shape.longest, window)
    end
    place = place + 3 + 2 * #shape
    shapes[i] = shape
end

-- Draws from the future were made before the clock was set back.
local ahead, opened = now + 5000000, {}
local function open(number, shape)
    local key = KEYS[number + 1]
    local counter = {key = key, shape = shape, known = 0, size = 0, drawn = 0}
    if shape.many then
        redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - shape.longest))
        redis.call('ZREMRANGEBYSCORE', key, string.format('%.0f', ahead), '+inf')
        counter.size = redis.call('ZCARD', key)
    else
        local stored = redis.call('GET', key)
        if stored then
            counter.known = struct.unpack('>d', stored)
            local sorted, times, last = true, {}, #stored / 8
            for i = 2, last do
                -- Some at a time, since a function cannot return thousands of values.
                local some = (i - 2) % 100
                if some == 0 then
                    times = {struct.unpack('>' .. string.rep('d', math.min(100, last - i + 1)), stored, 8 * i - 7)}
                end
                local at = times[some + 1]
                if at > now - shape.longest and at < ahead then
                    sorted = sorted and (counter.size == 0 or counter[counter.size] <= at)
                    counter.size = counter.size + 1
                    counter[counter.size] = at
                end
            end
            if not sorted then table.sort(counter) end
        end
    end
    opened[number] = counter
    return counter
end

-- The draw that must leave before there is room for another one.
local function leaver(counter, count)
    if not counter.shape.many then return counter[counter.size - count + 1] end
    if count <= counter.drawn then return now end
    local rank = counter.size - (count - counter.drawn)
    return tonumber(redis.call('ZRANGE', counter.key, rank, rank, 'WITHSCORES')[2])
end

local function wait(counter)
    local longest, size = 0, counter.size
    if counter.shape.many then size = size + counter.drawn end
    for _, rate in ipairs(counter.shape) do
        if size >= rate[1] then
            longest = math.max(longest, leaver(counter, rate[1]) + rate[2] - now)
        end
    end
    return longest
end

local answers = {}
while place <= #ARGV do
    local only_look, draws, code, left = ARGV[place] == '1', tonumber(ARGV[place + 1]), 0, 0
    local counters = {}
    for i = 1, draws do
        local number = tonumber(ARGV[place + 2 * i])
        local shape = shapes[tonumber(ARGV[place + 1 + 2 * i])]
        local counter = opened[number] or open(number, shape)
        counters[i] = counter
        if shape.recorded and now - since < shape.longest and counter.known < since then code = -1 end
    end
    for i = 1, code == 0 and draws or 0 do
        left = wait(counters[i])
        if left > 0 then
            code = i
            break
        end
    end
    for i = 1, (code == 0 and not only_look) and draws or 0 do
        local counter = counters[i]
        counter.drawn = counter.drawn + 1
        if not counter.shape.many then
            counter.size = counter.size + 1
            counter[counter.size] = now
        end
    end
    answers[#answers + 1] = code
    answers[#answers + 1] = left
    place = place + 2 + 2 * draws
end

for _, counter in pairs(opened) do
    if counter.drawn > 0 then
        local milliseconds = math.ceil(counter.shape.longest / 1000)
        if counter.shape.many then
            local members = {}
            for i = 1, counter.drawn do
                members[2 * i - 1], members[2 * i] = ARGV[1], ARGV[4] .. i
            end
            redis.call('ZADD', counter.key, unpack(members))
            redis.call('PEXPIRE', counter.key, milliseconds)
        else
            local parts = {struct.pack('>d', counter.known)}
            for i = 1, counter.size, 100 do
                local last = math.min(i + 99, counter.size)
                parts[#parts + 1] = struct.pack('>' .. string.rep('d', last - i + 1), unpack(counter, i, last))
            end
            redis.call('SET', counter.key, table.concat(parts), 'PX', milliseconds)
        end
    end
end
return answers
",
    )
});

/// Puts what the database knows in place of a counter, unless somebody did so before.
///
/// KEYS: since when draws are counted, the counter. ARGV: now and the longest window in µs, then the past draws.
pub(super) static RECALL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local since = tonumber(redis.call('GET', KEYS[1]) or '0')
local stored = redis.call('GET', KEYS[2])
if stored and struct.unpack('>d', stored) >= since then return 0 end
-- Another replica may have begun to count by a clock that is ahead.
local times = {struct.pack('>d', math.max(tonumber(ARGV[1]), since))}
for i = 3, #ARGV do times[i - 1] = struct.pack('>d', tonumber(ARGV[i])) end
redis.call('SET', KEYS[2], table.concat(times), 'PX', math.ceil(tonumber(ARGV[2]) / 1000))
return 1
",
    )
});

/// KEYS: counters. ARGV: when they were drawn on, then for each whether it is a sorted set.
pub(super) static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
for i, key in ipairs(KEYS) do
    if ARGV[i + 1] == '1' then
        local found = redis.call('ZRANGEBYSCORE', key, ARGV[1], ARGV[1], 'LIMIT', 0, 1)
        if found[1] then redis.call('ZREM', key, found[1]) end
    else
        local stored, drawn = redis.call('GET', key), struct.pack('>d', tonumber(ARGV[1]))
        for at = 9, stored and #stored or 0, 8 do
            if stored:sub(at, at + 7) == drawn then
                redis.call('SET', key, stored:sub(1, at - 1) .. stored:sub(at + 8), 'KEEPTTL')
                break
            end
        end
    end
end
return 0
",
    )
});
