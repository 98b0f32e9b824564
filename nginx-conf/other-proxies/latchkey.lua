-- Asks nginx (verify.conf) whose key a request has, and answers the client where
-- it is refused.  What is neither a 204 nor a refusal, or comes too late, is 503.

local address = "http://127.0.0.1:9180/verify"

-- Headers in which a key may stand; the query is sent, too.
local places = { "authorization", "x-api-key", "cookie" }

-- What a client is to be told as nginx says it, and the headers of that.
local refusals = { [400] = true, [401] = true, [403] = true, [429] = true, [503] = true }
local shown = { "www-authenticate", "retry-after", "cache-control", "content-type" }

-- HAProxy tries four times: a client waits for four seconds at most.
local time_ms_max = 1000

-- HAProxy counts the values of a header from 0, and takes them from 1.
local function copied(headers, names)
    local copy = {}
    for _, name in ipairs(names) do
        local values = headers[name]
        if values then
            copy[name] = {}
            for at = 0, #values do
                table.insert(copy[name], values[at])
            end
        end
    end
    return copy
end

local function answer(txn, status, headers, body)
    txn:done(txn:reply({ status = status, headers = headers, body = body }))
end

local function latchkey(txn)
    local reply = core.httpclient():get({
        url = address .. "?" .. txn.sf:query(),
        headers = copied(txn.http:req_get_headers(), places),
        timeout = time_ms_max,
    })
    local status = reply and reply.status

    if status == 204 and reply.headers["x-organization"] then
        txn:set_var("txn.organization", reply.headers["x-organization"][0])
    elseif refusals[status] then
        answer(txn, status, copied(reply.headers, shown), reply.body)
    else
        answer(txn, 503, { ["retry-after"] = { "1" } }, "")
    end
end

core.register_action("latchkey", { "http-req" }, latchkey, 0)
