"""The Lua scripts of a ``RedisStore``: each is atomic. ARGV begins with the prefix.

Of a name there are three keys: ``claim`` (token and nonce: only claims write it, and
transactions watch it), ``row`` (all else that stays), and ``lease``.
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
  local row = key(ARGV[n], 'row')
  if not is_held(ARGV[n], ARGV[n + 1], ARGV[n + 2]) then
    table.insert(lost, (n + 3) / 5)
  elseif tonumber(ARGV[n + 3]) > tonumber(redis.call('HGET', row, 'seq') or '0') then
    redis.call('HSET', row, 'position', ARGV[n + 4], 'seq', ARGV[n + 3],
      'starts', 1, 'begun', 0, 'committed_at', text(now))
    redis.call('HDEL', row, 'hand')
  end
end
return lost
"""

STAMP = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
return redis.call('HSET', KEYS[1], 'committed_at', string.format('%.6f', now))
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
redis.call('DEL', key(name, 'lease'))
if ARGV[4] == '1' then
  redis.call('HSET', row, 'position', ARGV[5])
else
  redis.call('HDEL', row, 'position')
end
return 1
"""
