-- Two-level TTL cache in the shape of Kong's mlcache: L1 lrucache in the Lua VM, L2 shared dict.
-- Keyed by the PLAINTEXT key (as Kong does), so a hit pays no SHA-256.
local redis    = require "nginx.redis"
local sha256   = require "nginx.sha256"
local to_hex   = require("nginx.string").to_hex
local lrucache = require "resty.lrucache"

local TTL, NEG_TTL, NONE = 60, 60, ""
local l1 = assert(lrucache.new(@L1_ENTRIES@))
local l2 = ngx.shared.apikeys
local _M = {}

local function from_redis(key)
    local sha = sha256:new()
    sha:update(key)
    local red = redis:new()
    red:set_timeout(1000)
    local ok, err = red:connect("unix:@REDIS_SOCKET@")
    if not ok then return nil, err end
    local org
    org, err = red:get("apikey:" .. to_hex(sha:final()))
    if not org then return nil, err end
    red:set_keepalive(60000, 256)
    return org == ngx.null and NONE or org
end

function _M.get(key)
    local org = l1:get(key)
    if org then return org end
    org = l2:get(key)
    if not org then
        local err
        org, err = from_redis(key)
        if not org then return nil, err end
        l2:set(key, org, org == NONE and NEG_TTL or TTL)
        l1:set(key, org, org == NONE and NEG_TTL or TTL)
        return org
    end
    -- promote with the time L2 has left
    local left = l2:ttl(key)
    if left and left > 0 then l1:set(key, org, left) end
    return org
end

return _M
