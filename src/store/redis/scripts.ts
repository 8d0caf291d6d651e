/**
 * The rules of `transition.ts` in Lua. Each step is atomic and uses the clock of the server. A step
 * is about one key, so that it also runs in a cluster; `claim` and `complete` take many keys, each
 * with a decision of its own. The scripts need Redis 5, Valkey, or a compatible server.
 *
 * `record-text.ts` describes the value of a key. Texts are passed in as its lines.
 */

const TIME = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * Reads the lines of `value`. Numbers are formatted by `%.0f`: Lua keeps 14 digits by default, and a
 * fencing token has 16.
 */
const RECORD = `
local LINES = '^(%l+)\\n([^\\n]*)\\n(%d+)\\n(%d+)\\n([^\\n]*)\\n(%d+)\\n(%d+)\\n(%d+)\\n[^\\n]*\\n[^\\n]*\\n()'
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

const PRELUDE = `${TIME}
local key = KEYS[1]
local value = redis.call('GET', key)
${RECORD}`;

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
  redis.call('SET', key, head .. payload,
    'PX', string.format('%.0f', math.max(1, expires - now)))
  return head
end
`;

/**
 * Watchers subscribe to a channel with the name of the key. A user without permission to publish
 * can still write. A cluster broadcasts the message to every node, so a script publishes only if a
 * claim was refused.
 */
const PUBLISH = `redis.pcall('PUBLISH', key, '')`;

/**
 * leaseMs, ttlMs, takeUnknown, takeFinished; then owner and fingerprint for each key → the time in
 * microseconds; then for each key 1 for a new record, or whether it was claimed and the record.
 * `takeFinished` is `0`, `1`, or `=` and the owner whose finished record may be replaced.
 *
 * Almost every key is new. The script takes a new key without `GET`, and returns no lines for it: the
 * caller knows them, except for the time.
 */
const CLAIM = `${TIME}
local token_now = time[1] * 1000000 + time[2]
local lease_now = now + ARGV[1]
local expires_now = now + math.max(ARGV[1], ARGV[2])
local function decide(key, value, by, by_fingerprint)
  ${RECORD}${WITHOUT_FORMER}${WRITE}
  local old_token = token or 0
  local new_attempt = 1
  local former = ''
  if current then
    if owner == by then return {state == 'running' and 1 or 0, visible()} end
    if fingerprint ~= '' and by_fingerprint ~= '' and fingerprint ~= by_fingerprint then return {0, visible()} end
    if state ~= 'running' then
      if ARGV[4] ~= '1' and ARGV[4] ~= '=' .. owner then return {0, value} end
      former = value
    else
      if ARGV[3] == '0' or lease > now then
        if not awaited then redis.call('SETRANGE', key, 0, 'awaited') end
        return {0, visible()}
      end
      new_attempt = attempt + 1
      local word, _, _, _, _, _, _, _, after = string.match(value, LINES, rest)
      former = 'running' .. string.sub(value, 8, rest - 1)
        .. string.sub(value, word == 'running' and after or rest)
    end
  end
  state, owner, fingerprint, attempt = 'running', by, by_fingerprint, new_attempt
  token = math.max(old_token + 1, token_now)
  claimed = string.format('%.0f', now)
  lease = lease_now
  expires = math.max(expires or 0, expires_now)
  return {1, write('', '', former)}
end
local middle = string.format('\\n%.0f\\n1\\n', token_now)
local ending = string.format('\\n%.0f\\n%.0f\\n%.0f\\n\\n\\n', now, lease_now, expires_now)
local ttl = string.format('%.0f', math.max(1, expires_now - now))
local call = redis.call
local replies = {token_now}
for at, key in ipairs(KEYS) do
  local by, by_fingerprint = ARGV[3 + 2 * at], ARGV[4 + 2 * at]
  local new = 'running\\n' .. by .. middle .. by_fingerprint .. ending
  local reply = 1
  if not call('SET', key, new, 'PX', ttl, 'NX') then
    reply = decide(key, call('GET', key), by, by_fingerprint)
    if reply.err then return reply end
  end
  replies[1 + at] = reply
end
return replies
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

/**
 * state, codec, ttlMs, room; then owner and text for each key → the time in milliseconds; then
 * whether it was completed, for each key. A text is `room` bytes that mean nothing and the payload.
 *
 * A record that is still as its claim or a renewal wrote it keeps its first seven lines. It ends
 * with the first empty lines, so no former record follows it. If the caller has guessed the length
 * of the new lines, they take the place of the room. Lua would hash a text that it puts together: with
 * the room, a result of 8 KiB takes the server 31 % less time. For one of 1 KiB there is no difference.
 *
 * `MGET` takes a third of the time of `GET`, but the user may lack the permission. The keys differ,
 * so no write of the script changes what `MGET` has read.
 */
const COMPLETE = `${TIME}
local new_expires = now + ARGV[3]
local finished = string.format('%.0f', now)
local room = tonumber(ARGV[4])
local function decide(key, value, by, payload)
  ${RECORD}${WRITE}
  if not current or owner ~= by then return 0 end
  if state ~= 'running' then return 1 end
  state = ARGV[1]
  expires = new_expires
  write(finished, ARGV[2], payload)
  if awaited then ${PUBLISH} end
  return 1
end
local function payload_in(text)
  if room == 0 then return text end
  return string.sub(text, room + 1)
end
local ending = string.format('%.0f', new_expires) .. '\\n' .. finished .. '\\n' .. ARGV[2] .. '\\n'
local ttl = string.format('%.0f', math.max(1, new_expires - now))
local call, find, sub = redis.call, string.find, string.sub
local values = redis.pcall('MGET', unpack(KEYS))
local replies = {now}
for at, key in ipairs(KEYS) do
  local by, text = ARGV[3 + 2 * at], ARGV[4 + 2 * at]
  local value = values[at] or call('GET', key)
  local before = 'running\\n' .. by .. '\\n'
  if value and sub(value, 1, #before) == before
    and find(value, '\\n\\n\\n', #before, true) == #value - 2 and sub(value, -17, -17) == '\\n'
    and (tonumber(sub(value, -16, -4)) or 0) > now then
    local head = ARGV[1] .. sub(value, 8, -17) .. ending
    local is_written = #head == room and call('SET', key, text, 'PX', ttl)
      and type(redis.pcall('SETRANGE', key, 0, head)) == 'number'
    if not is_written then call('SET', key, head .. payload_in(text), 'PX', ttl) end
    replies[1 + at] = 1
  else
    local reply = decide(key, value, by, payload_in(text))
    if type(reply) == 'table' then return reply end
    replies[1 + at] = reply
  end
end
return replies
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
  redis.call('SET', key, word .. '\\n' .. name .. '\\n' .. string.format('%.0f', token)
    .. string.sub(value, from + #word + #name + #old + 2),
    'PX', string.format('%.0f', ends - now))
else
  redis.call('DEL', key)
end
if awaited then ${PUBLISH} end
return 1
`;

/** → now, record if there is one */
const READ_RECORD = `${PRELUDE}${WITHOUT_FORMER}
if current then return {now, visible()} end
return {now}
`;

/** The same without the payload, and the number of its bytes; -1 for a running record. */
const READ_HEAD = `${PRELUDE}
if not current then return {now} end
return {now, string.sub(value, 1, rest - 1), state == 'running' and -1 or #value - rest + 1}
`;

/** → evicted */
const EVICT = `${PRELUDE}
if not current or (state == 'running' and lease > now) then return 0 end
redis.call('DEL', key)
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
  readHead: READ_HEAD,
  evict: EVICT,
  name: NAME,
};

export type ScriptName = keyof typeof SCRIPTS;
