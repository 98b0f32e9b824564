import Keyring
import RedisClient
import Testing

@testable import ConsoleCore

@Suite struct `Limits` {
    private func moment(_ milliseconds: UInt64) -> MonotonicTime {
        MonotonicTime.origin.advanced(byMilliseconds: milliseconds)
    }

    @Test func `a bucket empties, and fills over time`() {
        var buckets = TokenBuckets(2, inMilliseconds: 10_000)
        func take(_ name: String, at now: MonotonicTime) -> Int? { buckets.take(name, at: now) }
        #expect(take("a", at: moment(0)) == nil)
        #expect(take("a", at: moment(0)) == nil)
        #expect(take("a", at: moment(0)) == 5)
        #expect(take("b", at: moment(0)) == nil)
        #expect(take("a", at: moment(4000)) == 1)
        #expect(take("a", at: moment(5000)) == nil)
        #expect(take("a", at: moment(5000)) == 5)
        #expect(take("a", at: moment(100_000)) == nil)
        // A clock that goes backwards gives nothing.
        #expect(take("a", at: moment(99_000)) == nil)
        #expect(take("a", at: moment(98_000)) == 5)
    }

    @Test func `many names take no more memory`() {
        var buckets = TokenBuckets(1, inMilliseconds: 1_000_000)
        func take(_ name: String, at now: MonotonicTime) -> Int? { buckets.take(name, at: now) }
        for number in 0..<10_000 { #expect(take("\(number)", at: moment(0)) == nil) }
        #expect(take("0", at: moment(500_000)) == nil, "all were forgotten, since none was full")
        #expect(take("0", at: moment(500_000)) == 1000)
    }

    @Test func `full buckets are forgotten first`() {
        var buckets = TokenBuckets(1, inMilliseconds: 1000)
        func take(_ name: String, at now: MonotonicTime) -> Int? { buckets.take(name, at: now) }
        for number in 0..<9999 { _ = buckets.take("\(number)", at: moment(0)) }
        _ = buckets.take("last", at: moment(900))
        #expect(take("next", at: moment(1100)) == nil)
        #expect(take("last", at: moment(1100)) == 1)
    }

    @Test func `an owner makes so many changes in an hour`() throws {
        var limits = ConsoleLimits(changesPerHour: 2)
        func delay(of job: Job, at now: MonotonicTime) -> Int? { limits.delay(of: job, at: now) }
        func mayAsk(_ job: Job, at now: MonotonicTime) -> Bool {
            limits.mayAskGateways(job, at: now)
        }
        let headers = signedIn + sameOrigin + formType
        let change = try #require(
            try console().job("POST", "/console/acme/revoke", headers, body: "version=a")
        )
        let other = try #require(
            try console().job("POST", "/console/other/revoke", headers, body: "version=a")
        )
        let page = try #require(try console().job("GET", "/console/acme", headers))
        #expect(delay(of: change, at: moment(0)) == nil)
        #expect(delay(of: change, at: moment(0)) == nil)
        #expect(delay(of: change, at: moment(0)) == 1800)
        #expect(delay(of: other, at: moment(0)) == nil)
        #expect(delay(of: page, at: moment(0)) == nil)
        for _ in 0..<60 { #expect(mayAsk(page, at: moment(0))) }
        #expect(!mayAsk(page, at: moment(0)))
        #expect(mayAsk(page, at: moment(1000)))
        #expect(mayAsk(change, at: moment(0)))
    }
}

@Suite struct `The log and the metrics` {
    private func line(_ method: String, _ target: String, note: String? = nil) throws -> String {
        let request = ConsoleRequest(method: method, target: target, headers: signedIn)
        return LogLine.request(
            request,
            id: "7f3c91aa",
            route: Route(request.path, base: "/console"),
            job: try console().job(method, target, signedIn),
            status: 200,
            milliseconds: 12,
            note: note,
            at: now
        )
    }

    @Test func `a request is a line of JSON`() throws {
        #expect(
            try line("GET", "/console/acme?revoked=1")
                == "{\"time\":\"2026-11-28T14:02:11.205Z\",\"level\":\"info\",\"request\":\"7f3c91aa\","
                + "\"method\":\"GET\",\"route\":\"/{organization}\",\"status\":200,\"ms\":12,"
                + "\"principal\":\"alice@example.com\",\"organization\":\"acme\"}\n"
        )
        #expect(
            try line("GET", "/console/acme", note: "the store\nsaid").contains(
                "\"level\":\"warning\""
            )
        )
        #expect(try line("GET", "/console/acme", note: "a\nb").contains("\"note\":\"a\\u000ab\""))
    }

    @Test func `what a client makes up is not logged`() throws {
        let line = try line("lk_SECRET", "/lk_SECRET/a/b?lk_SECRET")
        #expect(!line.contains("SECRET"))
        #expect(line.contains("\"method\":\"other\",\"route\":null"))
        #expect(try self.line("GET", "/console/lk_S%20CRET").contains("\"organization\":null"))
    }

    @Test func `a message may name its request`() {
        #expect(
            LogLine.message("gone", .error, at: now).contains(
                "\"level\":\"error\",\"note\":\"gone\"}"
            )
        )
        #expect(LogLine.message("gone", .warning, id: "1", at: now).contains("\"request\":\"1\""))
    }

    @Test func `metrics are counted by route and outcome`() {
        var metrics = ConsoleMetrics()
        metrics.count(.page("a"), status: 200)
        metrics.count(.page("b"), status: 200)
        metrics.count(nil, status: 404)
        metrics.count(.page("b"), status: 404)
        metrics.count(.generate, outcome: "confirmed", milliseconds: 5)
        metrics.count(.generate, outcome: "confirmed", milliseconds: 2500)
        metrics.count(.revoke, outcome: "stale", milliseconds: 70_000)
        let text = metrics.text(waiting: 3)
        for line in [
            "latchkey_console_requests_total{route=\"/{organization}\",status=\"200\"} 2",
            "latchkey_console_requests_total{route=\"/{organization}\",status=\"404\"} 1",
            "latchkey_console_requests_total{route=\"none\",status=\"404\"} 1",
            "latchkey_console_changes_total{what=\"generate\",outcome=\"confirmed\"} 2",
            "latchkey_console_changes_total{what=\"revoke\",outcome=\"stale\"} 1",
            "latchkey_console_wait_seconds_bucket{le=\"0.010\"} 1",
            "latchkey_console_wait_seconds_bucket{le=\"1.000\"} 1",
            "latchkey_console_wait_seconds_bucket{le=\"10.000\"} 2",
            "latchkey_console_wait_seconds_bucket{le=\"+Inf\"} 3",
            "latchkey_console_wait_seconds_sum 72.505", "latchkey_console_wait_seconds_count 3",
            "latchkey_console_pool_waiting 3",
        ] {
            #expect(text.split(separator: "\n").contains(line[...]), "\(line)")
        }
    }

    @Test func `a request's parts are told apart`() {
        let request = ConsoleRequest(
            method: "GET",
            target: "/a?b?c",
            headers: [("A", "1"), ("a", "2"), ("Content-Type", " Text/HTML ; x=y")]
        )
        #expect(request.path == "/a" && request.query == "b?c")
        #expect(request.values("a") == ["1", "2"] && request.value("a") == nil)
        #expect(request.mediaType == "text/html")
        let bare = ConsoleRequest(method: "GET", target: "", headers: [])
        #expect(bare.path == "" && bare.query == "" && bare.mediaType == "")
    }
}
