"""The Lua scripts of a ``RedisStore``: each is atomic. ARGV begins with the prefix.

Of a name there are the keys ``claim`` (token and nonce: only claims write it, and
transactions watch it), ``row`` (all else that is there once), ``lease``, ``ahead``,
and by the keys of dead letters ``letters``, ``buried`` (when) and ``replayed``. Of a
fleet there is ``members``.
"""

from __future__ import annotations

COMMON = """
local prefix = ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local function key(name, kind) return prefix .. name .. ':' .. kind end
local function text(number) return string.format('%.6f', number) end
local function is_held(name, token, nonce)
  local held = redis.call('HMGET', key(name, 'claim'), 'token', 'nonce')
  return held[1] == token and held[2] == nonce
end
-- Commands, as JSON; null stands for the time.
local function run(commands)
  for _, command in ipairs(cjson.decode(commands)) do
    for n, word in ipairs(command) do
      if word == cjson.null then command[n] = text(now) end
    end
    redis.call(unpack(command))
  end
end
"""

RUN = "run(ARGV[2])"

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
    if math.abs(now - tonumber(at)) < window then
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
for n = 2, #ARGV, 5 do
  local name, seq = ARGV[n], ARGV[n + 3]
  if not is_held(name, ARGV[n + 1], ARGV[n + 2]) then
    table.insert(lost, (n + 3) / 5)
  elseif seq == ''
    or tonumber(seq) > tonumber(redis.call('HGET', key(name, 'row'), 'seq') or '0')
  then
    run(ARGV[n + 4])
  end
end
return lost
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
redis.call('HDEL', row, 'hand', 'recent')
redis.call('DEL', key(name, 'lease'), key(name, 'ahead'))
if ARGV[4] == '1' then
  redis.call('HSET', row, 'position', ARGV[5])
else
  redis.call('HDEL', row, 'position')
end
return 1
"""

RECALL = """
local kept = redis.call('HGET', key(ARGV[2], 'row'), 'recent')
return {kept, redis.call('SMEMBERS', key(ARGV[2], 'ahead'))}
"""

LETTERS = """
local found = {}
local function tell(name, keys)
  for _, each in ipairs(keys) do
    table.insert(found, {
      name, redis.call('HGET', key(name, 'letters'), each),
      redis.call('SISMEMBER', key(name, 'replayed'), each),
      text(now - tonumber(redis.call('HGET', key(name, 'buried'), each))),
    })
  end
end
"""

ALL = """
local names = {ARGV[2]}
if #ARGV == 1 then names = redis.call('SMEMBERS', prefix .. 'names') end
for _, name in ipairs(names) do
  tell(name, redis.call('HKEYS', key(name, 'letters')))
end
return found
"""

REPLAYED = """
for n = 2, #ARGV do
  tell(ARGV[n], redis.call('SMEMBERS', key(ARGV[n], 'replayed')))
end
return found
"""

REPLAY = """
local count = 0
for n = 3, #ARGV do
  if redis.call('HEXISTS', key(ARGV[2], 'letters'), ARGV[n]) == 1 then
    redis.call('SADD', key(ARGV[2], 'replayed'), ARGV[n])
    count = count + 1
  end
end
return count
"""

DROP = """
local count = 0
for n = 3, #ARGV do
  count = count + redis.call('HDEL', key(ARGV[2], 'letters'), ARGV[n])
  redis.call('HDEL', key(ARGV[2], 'buried'), ARGV[n])
  redis.call('SREM', key(ARGV[2], 'replayed'), ARGV[n])
end
return count
"""

BEAT = """
local members = key(ARGV[2], 'members')
if ARGV[4] == '' then
  redis.call('ZREM', members, ARGV[3])
else
  redis.call('ZADD', members, text(now + tonumber(ARGV[4])), ARGV[3])
end
redis.call('ZREMRANGEBYSCORE', members, '-inf', text(now))
return redis.call('ZRANGE', members, 0, -1)
"""
