-- Asks nginx (verify.conf) whose key a request carries, and answers refused clients.
-- Anything but a 204 or a refusal, or a late response, becomes a 503.

local address = "http://127.0.0.1:9180/verify"

-- Headers in which a key may stand; the query is sent as well.
local places = { "authorization", "x-api-key", "cookie" }

-- Responses of nginx that go to the client unchanged, and their headers.
local refusals = { [400] = true, [401] = true, [403] = true, [429] = true, [503] = true }
local shown = { "www-authenticate", "retry-after", "cache-control", "content-type" }

-- HAProxy tries four times, so a client waits four seconds at most.
local time_ms_max = 1000

-- HAProxy numbers the values of a header from 0 when reading, from 1 when writing.
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
