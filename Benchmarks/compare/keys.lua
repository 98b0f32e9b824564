-- What wrk sends.  wrk … -s keys.lua URL -- KIND FILE HEAD SEED
--   missing      no key
--   hot          the first key of FILE
--   valid        a key of FILE, each as likely as any other; so is `revoked`
--   random       HEAD and 26 characters, never the same twice
--   forged       the same, the last six a checksum that is right
local bit = require "bit"

local digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
local random = math.random
local kind, head, requests, before, after

local function request_with(key)
   return wrk.format("GET", "/", { ["X-API-Key"] = key })
end

local function read_requests(path)
   local found = {}
   for line in io.lines(path) do
      found[#found + 1] = request_with(line)
      if kind == "hot" then break end
   end
   return found
end

-- CRC-32 as in zlib

local crc_table = {}
for byte = 0, 255 do
   local crc = byte
   for _ = 1, 8 do
      local odd = bit.band(crc, 1) == 1
      crc = bit.rshift(crc, 1)
      if odd then crc = bit.bxor(crc, 0xedb88320) end
   end
   crc_table[byte] = crc
end

local function crc_of(text, crc)
   for at = 1, #text do
      crc = bit.bxor(crc_table[bit.band(bit.bxor(crc, text:byte(at)), 0xff)], bit.rshift(crc, 8))
   end
   return crc
end

local function base62(number, width)
   local text = ""
   for _ = 1, width do
      local digit = number % 62
      text = digits:sub(digit + 1, digit + 1) .. text
      number = (number - digit) / 62
   end
   return text
end

local crc_of_head

local function made_up(tail)
   local body = base62(random(0, 0x3fffffff), 5) .. base62(random(0, 0x3fffffff), 5)
      .. base62(random(0, 0x3fffffff), 5) .. base62(random(0, 0x3fffffff), 5)
   if tail == "random" then
      return head .. body .. base62(random(0, 0x3fffffff), 6)
   end
   local crc = bit.bnot(crc_of(body, crc_of_head)) % 2^32
   return head .. body .. base62(crc, 6)
end

function init(arguments)
   kind, head = arguments[1], arguments[3]
   math.randomseed(tonumber(arguments[4]))
   crc_of_head = crc_of(head, bit.bnot(0))
   if kind == "random" or kind == "forged" then
      local whole = request_with("@@@@")
      local first, last = whole:find("@@@@", 1, true)
      before, after = whole:sub(1, first - 1), whole:sub(last + 1)
      request = function() return before .. made_up(kind) .. after end
   elseif kind == "missing" then
      local only = wrk.format("GET", "/")
      request = function() return only end
   else
      requests = read_requests(arguments[2])
      local count = #requests
      request = function() return requests[random(count)] end
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      'JSON {"requests":%d,"duration_us":%d,"refused":%d,"broken":%d,"p50_us":%d,"p99_us":%d}\n',
      summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
