/**
 * The rules of `transition.ts` in Lua. Each script is one atomic step on one key, so that it also
 * runs in a cluster, and uses the clock of the server. The scripts need Redis 5, Valkey, or a
 * compatible server.
 *
 * `record-text.ts` describes the value of a key. Texts are passed in as its lines.
 */

/** Numbers are formatted by `%.0f`: Lua keeps 14 digits by default, and a fencing token has 16. */
const PRELUDE = `
local LINES = '^(%l+)\\n([^\\n]*)\\n(%d+)\\n(%d+)\\n([^\\n]*)\\n(%d+)\\n(%d+)\\n(%d+)\\n[^\\n]*\\n[^\\n]*\\n()'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.call('GET', KEYS[1])
local state, owner, token, attempt, fingerprint, claimed, lease, expires, rest
if value then
  state, owner, token, attempt, fingerprint, claimed, lease, expires, rest =
    string.match(value, LINES)
  if not state then return redis.error_reply('ERR the value is not a record of samekey') end
  token, attempt, lease, expires =
    tonumber(token), tonumber(attempt), tonumber(lease), tonumber(expires)
end
local current = state and expires > now
local awaited = state == 'awaited'
if awaited then state = 'running' end
`;

/** Removes the former records, which callers do not see. */
const WITHOUT_FORMER = `
local function visible()
  if state == 'running' then return string.sub(value, 1, rest - 1) end
  return value
end
`;

const WRITE = `
local function write(finished, codec, payload)
  local head = string.format('%s\\n%s\\n%.0f\\n%.0f\\n%s\\n%s\\n%.0f\\n%.0f\\n%s\\n%s\\n',
    awaited and state == 'running' and 'awaited' or state,
    owner, token, attempt, fingerprint, claimed, lease, expires, finished, codec)
  redis.call('SET', KEYS[1], head .. payload,
    'PX', string.format('%.0f', math.max(1, expires - now)))
  return head
end
`;

/**
 * Watchers subscribe to a channel with the name of the key. A user without permission to publish
 * can still write. A cluster broadcasts the message to every node, so a script publishes only if a
 * claim was refused.
 */
const PUBLISH = `redis.pcall('PUBLISH', KEYS[1], '')`;

/** owner, leaseMs, ttlMs, fingerprint, takeUnknown, takeFinished → claimed, now, record */
const CLAIM = `${PRELUDE}${WITHOUT_FORMER}${WRITE}
local old_token = token or 0
local new_attempt = 1
local former = ''
if current then
  if owner == ARGV[1] then return {state == 'running' and 1 or 0, now, visible()} end
  if fingerprint ~= '' and ARGV[4] ~= '' and fingerprint ~= ARGV[4] then return {0, now, visible()} end
  if state ~= 'running' then
    if ARGV[6] == '0' then return {0, now, value} end
    former = value
  else
    if ARGV[5] == '0' or lease > now then
      if not awaited then redis.call('SETRANGE', KEYS[1], 0, 'awaited') end
      return {0, now, visible()}
    end
    new_attempt = attempt + 1
    local word, _, _, _, _, _, _, _, after = string.match(value, LINES, rest)
    former = 'running' .. string.sub(value, 8, rest - 1)
      .. string.sub(value, word == 'running' and after or rest)
  end
end
state, owner, fingerprint, attempt = 'running', ARGV[1], ARGV[4], new_attempt
token = math.max(old_token + 1, time[1] * 1000000 + time[2])
claimed = string.format('%.0f', now)
lease = now + ARGV[2]
expires = math.max(expires or 0, now + math.max(ARGV[2], ARGV[3]))
return {1, now, write('', '', former)}
`;

/** owner, leaseMs → renewed */
const RENEW = `${PRELUDE}${WRITE}
if not current or state ~= 'running' or owner ~= ARGV[1] then return 0 end
lease = now + ARGV[2]
expires = math.max(expires, lease)
write('', '', string.sub(value, rest))
if ARGV[2] == '0' and awaited then ${PUBLISH} end
return 1
`;

/** owner, state, codec, payload, ttlMs → completed */
const COMPLETE = `${PRELUDE}${WRITE}
if not current or owner ~= ARGV[1] then return 0 end
if state ~= 'running' then return 1 end
state = ARGV[2]
expires = now + ARGV[5]
write(string.format('%.0f', now), ARGV[3], ARGV[4])
if awaited then ${PUBLISH} end
return 1
`;

/** owner → released. Restores the replaced record, under the current fencing token. */
const RELEASE = `${PRELUDE}${WRITE}
if not current or state ~= 'running' or owner ~= ARGV[1] then return 0 end
local from = rest
local word, name, old, _, _, _, _, ends, after = string.match(value, LINES, from)
if attempt > 1 and word ~= 'running' then
  lease = math.min(lease, now)
  write('', '', string.sub(value, rest))
  if awaited then ${PUBLISH} end
  return 1
end
if word == 'running' and tonumber(ends) <= now then
  from = after
  word, name, old, _, _, _, _, ends = string.match(value, LINES, from)
end
if word and tonumber(ends) > now then
  redis.call('SET', KEYS[1], word .. '\\n' .. name .. '\\n' .. string.format('%.0f', token)
    .. string.sub(value, from + #word + #name + #old + 2),
    'PX', string.format('%.0f', ends - now))
else
  redis.call('DEL', KEYS[1])
end
if awaited then ${PUBLISH} end
return 1
`;

/** → now, record if there is one */
const READ_RECORD = `${PRELUDE}${WITHOUT_FORMER}
if current then return {now, visible()} end
return {now}
`;

/** → evicted */
const EVICT = `${PRELUDE}
if not current or (state == 'running' and lease > now) then return 0 end
redis.call('DEL', KEYS[1])
${PUBLISH}
return 1
`;

/** → the name of the key on the server: a client may add a prefix. */
const NAME = 'return KEYS[1]';

export const SCRIPTS = {
  claim: CLAIM,
  renew: RENEW,
  complete: COMPLETE,
  release: RELEASE,
  read: READ_RECORD,
  evict: EVICT,
  name: NAME,
};

export type ScriptName = keyof typeof SCRIPTS;
