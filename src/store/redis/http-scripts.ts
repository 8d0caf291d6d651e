import { SCRIPTS, type ScriptName } from './scripts.js';

/**
 * The scripts with texts that survive JSON and the client: a record is the same bytes as over TCP.
 *
 * A text in a reply has its length before it, so that a client which reads `123` or `null` as JSON
 * leaves it alone, and a byte from 128 on is the character with that number. gsub has to look at
 * those bytes only: ASCII, as most results are, costs one search.
 *
 * The reply is a list of one. A client whose `AbortSignal` is aborted returns a text as if the
 * server had sent it.
 */
const onHttp = (script: string): string => `
local escapes = setmetatable({}, {__index = function(known, byte)
  local code = string.byte(byte)
  local pair = string.char(192 + math.floor(code / 64), 128 + code % 64)
  known[byte] = pair
  return pair
end})
local function packed(reply)
  if type(reply) == 'table' then
    local list = {}
    for at, item in ipairs(reply) do list[at] = packed(item) end
    return list
  end
  if type(reply) ~= 'string' then return reply end
  local text = reply
  if string.find(text, '[\\128-\\255]') then text = string.gsub(text, '[\\128-\\255]', escapes) end
  return string.format('%.0f:', #reply) .. text
end
local function step()
${script}
end
local reply = step()
if type(reply) == 'table' and reply.err then return reply end
return {packed(reply)}
`;

/**
 * Before `complete`: ARGV[4] says what a text is, instead of its `room`. `text` is the payload itself,
 * if that is UTF-8. In `bytes` each character is one byte. Before both is the length of the payload.
 */
const PAYLOADS = `
local bytes = setmetatable({}, {__index = function(known, pair)
  local first, second = string.byte(pair, 1, 2)
  local byte = string.char((first - 192) * 64 + second - 128)
  known[pair] = byte
  return byte
end})
for at = 6, #ARGV, 2 do
  local length, from = string.match(ARGV[at], '^(%d+):()')
  local payload = string.sub(ARGV[at], from or 1)
  if ARGV[4] == 'bytes' then payload = string.gsub(payload, '[\\194\\195][\\128-\\191]', bytes) end
  if #payload ~= tonumber(length) then
    return redis.error_reply('ERR the payload has not arrived as it was sent')
  end
  ARGV[at] = payload
end
ARGV[4] = '0'
`;

/** Any command, with its reply in the same form. */
export const RELAY = onHttp('return redis.call(unpack(ARGV))');

export const HTTP_SCRIPTS = /* @__PURE__ */ Object.fromEntries(
  Object.entries(SCRIPTS).map(([name, script]) => [
    name,
    onHttp(name === 'complete' ? PAYLOADS + script : script),
  ]),
) as Record<ScriptName, string>;
