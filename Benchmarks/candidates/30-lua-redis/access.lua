local redis  = require "nginx.redis"
local sha256 = require "nginx.sha256"
local to_hex = require("nginx.string").to_hex

local key = ngx.var.http_x_api_key
if not key or key == "" then return ngx.exit(401) end

local sha = sha256:new()
sha:update(key)
local hex = to_hex(sha:final())

local red = redis:new()
red:set_timeout(1000)
local ok, err = red:connect("unix:@REDIS_SOCKET@")
if not ok then
    ngx.log(ngx.ERR, "redis connect: ", err)
    return ngx.exit(503)
end
local org
org, err = red:get("apikey:" .. hex)
if not org then
    ngx.log(ngx.ERR, "redis get: ", err)
    return ngx.exit(503)
end
red:set_keepalive(60000, 256)
if org == ngx.null then return ngx.exit(401) end
