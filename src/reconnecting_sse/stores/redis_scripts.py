"""The Lua scripts of a ``RedisStore``: each is atomic. ARGV begins with the prefix.

Of a name there are: ``claim`` (token and nonce: only claims write it, and transactions
watch it), ``row`` (all else of the position), and ``lease``; and beside them ``ahead``,
``recent``, ``letters`` and ``replays``.
"""

from __future__ import annotations

COMMON = """
local prefix = ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local function key(name, kind) return prefix .. name .. ':' .. kind end
local function text(number) return string.format('%.6f', number) end
local function record(name, values)
  local row, beside = key(name, 'row'), cjson.decode(values)
  if beside.start then redis.call('HINCRBY', row, 'starts', 1) end
  if beside.begun and beside.begun > 0 then
    redis.call('HSET', row, 'hand', beside.hand, 'begun', beside.begun)
  elseif beside.begun then
    redis.call('HSET', row, 'begun', 0)
    redis.call('HDEL', row, 'hand')
  end
  for _, each in ipairs(beside.ahead) do
    redis.call('SADD', key(name, 'ahead'), each)
  end
  for _, each in ipairs(beside.passed) do
    redis.call('SREM', key(name, 'ahead'), each)
  end
  for _, each in ipairs(beside.buried) do
    redis.call('HSET', key(name, 'letters'), each[1], text(now) .. ' ' .. each[2])
    redis.call('SREM', key(name, 'replays'), each[1])
    redis.call('SADD', prefix .. 'names', name)
  end
  for _, each in ipairs(beside.settled) do
    redis.call('HDEL', key(name, 'letters'), each)
    redis.call('SREM', key(name, 'replays'), each)
  end
  if beside.recent then redis.call('SET', key(name, 'recent'), beside.recent) end
end
local function is_held(name, token, nonce)
  local held = redis.call('HMGET', key(name, 'claim'), 'token', 'nonce')
  return held[1] == token and held[2] == nonce
end
"""

CLAIM = """
local name, nonce, lease, owner = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local window, known = tonumber(ARGV[6]), tonumber(ARGV[7])
local version = redis.call('GET', prefix .. 'schema')
if version and tonumber(version) > known then return {'newer', version} end
redis.call('SET', prefix .. 'schema', ARGV[7])
local row = key(name, 'row')
local last = redis.call('HGET', row, 'owner')
local until_ = redis.call('GET', key(name, 'lease'))
-- Our own nonce: the client tries again where it had no answer.
local is_ours = redis.call('HGET', key(name, 'claim'), 'nonce') == nonce
local is_taken = last and last ~= '' and not is_ours
if is_taken and until_ and tonumber(until_) > now then
  return {'held', text(tonumber(until_) - now), last}
end
local recent, count = '', 0
if is_taken then
  for at in string.gmatch(redis.call('HGET', row, 'takeovers') or '', '%S+') do
    if now - tonumber(at) < window then
      recent, count = recent .. at .. ' ', count + 1
    end
  end
  recent, count = recent .. text(now), count + 1
end
redis.call('SADD', prefix .. 'names', name)
local token = redis.call('HINCRBY', key(name, 'claim'), 'token', 1)
redis.call('HSET', key(name, 'claim'), 'nonce', nonce)
redis.call('HSET', row, 'seq', 0, 'owner', owner, 'takeovers', recent)
if lease == '' then
  redis.call('DEL', key(name, 'lease'))
else
  redis.call('SET', key(name, 'lease'), text(now + tonumber(lease)))
end
local kept = redis.call('HMGET', row, 'position', 'starts', 'hand', 'begun')
return {'claim', token, kept[1], count, kept[2], kept[3], kept[4]}
"""

RENEW = """
local lost = {}
for n = 3, #ARGV, 3 do
  if is_held(ARGV[n], ARGV[n + 1], ARGV[n + 2]) then
    redis.call('SET', key(ARGV[n], 'lease'), text(now + tonumber(ARGV[2])))
  else
    table.insert(lost, n / 3)
  end
end
return lost
"""

COMMIT = """
local lost = {}
for n = 2, #ARGV, 6 do
  local row, beside = key(ARGV[n], 'row'), ARGV[n + 5]
  local seq = tonumber(ARGV[n + 3])
  if not is_held(ARGV[n], ARGV[n + 1], ARGV[n + 2]) then
    table.insert(lost, (n + 4) / 6)
  elseif not seq then
    if beside ~= '' then record(ARGV[n], beside) end
  elseif seq > tonumber(redis.call('HGET', row, 'seq') or '0') then
    redis.call('HSET', row, 'position', ARGV[n + 4], 'seq', ARGV[n + 3],
      'starts', 1, 'begun', 0, 'committed_at', text(now))
    redis.call('HDEL', row, 'hand')
    if beside ~= '' then record(ARGV[n], beside) end
  end
end
return lost
"""

STAMP = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
return redis.call('HSET', KEYS[1], 'committed_at', string.format('%.6f', now))
"""

BESIDE = """
record(ARGV[2], ARGV[3])
return 1
"""

RECALL = """
return {redis.call('SMEMBERS', key(ARGV[2], 'ahead')),
  redis.call('GET', key(ARGV[2], 'recent'))}
"""

LETTERS = """
local found = {}
for _, name in ipairs(redis.call('SMEMBERS', prefix .. 'names')) do
  if ARGV[2] == '' or ARGV[2] == name then
    local letters = redis.call('HGETALL', key(name, 'letters'))
    for n = 1, #letters, 2 do
      local at, values = string.match(letters[n + 1], '^(%S+) (.*)$')
      table.insert(found, {text(now - tonumber(at)), values,
        redis.call('SISMEMBER', key(name, 'replays'), letters[n])})
    end
  end
end
return found
"""

REPLAYS = """
local found = {}
for n = 2, #ARGV do
  for _, each in ipairs(redis.call('SMEMBERS', key(ARGV[n], 'replays'))) do
    local letter = redis.call('HGET', key(ARGV[n], 'letters'), each)
    local at, values = string.match(letter, '^(%S+) (.*)$')
    table.insert(found, {text(now - tonumber(at)), values, 1})
  end
end
return found
"""

REPLAY = """
local count = 0
for n = 3, #ARGV do
  if redis.call('HEXISTS', key(ARGV[2], 'letters'), ARGV[n]) == 1 then
    redis.call('SADD', key(ARGV[2], 'replays'), ARGV[n])
    count = count + 1
  end
end
return count
"""

DROP = """
local count = 0
for n = 3, #ARGV do
  count = count + redis.call('HDEL', key(ARGV[2], 'letters'), ARGV[n])
  redis.call('SREM', key(ARGV[2], 'replays'), ARGV[n])
end
return count
"""

BEAT = """
local members = prefix .. 'fleet:' .. ARGV[2]
if ARGV[4] == '' then
  redis.call('ZREM', members, ARGV[3])
else
  redis.call('ZADD', members, text(now + tonumber(ARGV[4])), ARGV[3])
end
redis.call('ZREMRANGEBYSCORE', members, '-inf', text(now))
return redis.call('ZRANGE', members, 0, -1)
"""

RELEASE = """
if is_held(ARGV[2], ARGV[3], ARGV[4]) then
  redis.call('HSET', key(ARGV[2], 'row'), 'owner', '', 'starts', 0)
  redis.call('DEL', key(ARGV[2], 'lease'))
end
return 1
"""

RECOVER = """
if redis.call('HGET', key(ARGV[2], 'claim'), 'nonce') ~= ARGV[3] then return {} end
local token = redis.call('HINCRBY', key(ARGV[2], 'claim'), 'token', 1)
local kept = redis.call('HMGET', key(ARGV[2], 'row'), 'seq', 'position')
return {token, kept[1], kept[2]}
"""

PLACES = """
local rows = {}
for _, name in ipairs(redis.call('SMEMBERS', prefix .. 'names')) do
  local kept = redis.call('HMGET', key(name, 'row'),
    'position', 'committed_at', 'owner')
  local until_ = redis.call('GET', key(name, 'lease'))
  table.insert(rows, {
    name, kept[1], kept[2] and text(now - tonumber(kept[2])), kept[3],
    until_ and text(tonumber(until_) - now),
    redis.call('HGET', key(name, 'claim'), 'token'),
  })
end
return rows
"""

PUT = """
local name, row = ARGV[2], key(ARGV[2], 'row')
redis.call('SADD', prefix .. 'names', name)
redis.call('HINCRBY', key(name, 'claim'), 'token', 1)
redis.call('HSET', key(name, 'claim'), 'nonce', ARGV[3])
redis.call('HSET', row, 'seq', 0, 'owner', '', 'committed_at', text(now),
  'starts', 0, 'begun', 0)
redis.call('HDEL', row, 'hand')
redis.call('DEL', key(name, 'lease'), key(name, 'ahead'), key(name, 'recent'))
if ARGV[4] == '1' then
  redis.call('HSET', row, 'position', ARGV[5])
else
  redis.call('HDEL', row, 'position')
end
return 1
"""
