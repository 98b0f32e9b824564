import KeyFormat
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// Checks that wait for the store, and the reads that answer them.
final class ChecksTests {
    private var checks = Checks(countMax: 1000, timeoutMilliseconds: 500)

    private static func locator(_ name: String) -> Locator { Locator(organization: name.utf8) }

    @discardableResult
    private func add(
        _ request: UInt,
        _ name: String,
        milliseconds: UInt64 = 0
    ) -> Checks.Ticket? {
        checks.add(
            request,
            VerifiedKey(
                issued: .init(locator: Self.locator(name), verifier: .none),
                fingerprint: .none
            ),
            at: MonotonicTime(nanoseconds: milliseconds * 1_000_000)
        )
    }

    // An expectation copies its operands, and Checks cannot be copied.
    private var count: Int { checks.count }
    private var deadline: MonotonicTime { checks.deadline }
    private var hasUnsentReads: Bool { checks.hasUnsentReads }

    private func inFlight(_ id: Checks.ReadID) -> (locator: Locator, mayCache: Bool)? {
        checks.inFlight(id)
    }

    private func nextAnswer() -> CheckAnswer? { checks.nextAnswer() }

    /// Cancels a check; returns whether it was waiting.
    private func cancel(_ ticket: Checks.Ticket) -> Bool {
        let count = checks.count
        checks.cancel(ticket)
        return checks.count < count
    }

    private func send() -> [Checks.ReadID] {
        var ids: [Checks.ReadID] = []
        while let read = checks.nextUnsentRead(mayCache: true) { ids.append(read.id) }
        return ids
    }

    private func finish(_ id: Checks.ReadID) -> [UInt] {
        var requests: [UInt] = []
        checks.finish(id, at: .origin) {
            requests.append($0.request)
            return .unavailable($0.key.locator)
        }
        return requests
    }

    private func answerOverdue(_ now: MonotonicTime) -> [UInt] {
        var requests: [UInt] = []
        checks.answerOverdue(at: now) {
            requests.append($0.request)
            return .unavailable($0.key.locator)
        }
        return requests
    }

    @Test func `checks of an organization share a read, which answers them in order`() {
        for request: UInt in 1...3 { add(request, "acme") }
        add(4, "umbrella")
        let reads = send()
        #expect(reads.count == 2)
        #expect(inFlight(reads[0])?.locator == Self.locator("acme"))
        #expect(finish(reads[0]) == [1, 2, 3])
        #expect(finish(reads[1]) == [4])
        #expect(count == 0)
        #expect(deadline == .never)
    }

    @Test func `a read in flight is not joined`() {
        add(1, "acme")
        let first = send()
        add(2, "acme")
        let second = send()
        #expect(first.count == 1 && second.count == 1)
        #expect(finish(first[0]) == [1])
        #expect(finish(second[0]) == [2])
    }

    @Test func `a check in a cancelled one's slot is answered by its own read`() throws {
        let ticket = try #require(add(1, "acme"))
        let first = send()
        #expect(cancel(ticket))
        #expect(!cancel(ticket))
        add(2, "umbrella")
        #expect(!cancel(ticket))
        #expect(finish(first[0]) == [])
        #expect(finish(send()[0]) == [2])
    }

    @Test func `a check whose answer was not handed out can be cancelled`() throws {
        add(1, "acme")
        let second = try #require(add(2, "acme"))
        #expect(finish(send()[0]) == [1, 2])
        checks.cancel(second)
        #expect(nextAnswer()?.request == 1)
        #expect(nextAnswer() == nil)
    }

    @Test func `a check in the middle of a queue can be cancelled`() throws {
        let tickets = (1...4).map { add($0, "acme") }
        checks.cancel(try #require(tickets[1]))
        checks.cancel(try #require(tickets[3]))
        add(5, "acme")
        checks.cancel(try #require(tickets[0]))
        #expect(finish(send()[0]) == [3, 5])
    }

    @Test func `a read without checks is sent only if it is wanted`() throws {
        let first = try #require(add(1, "acme"))
        checks.cancel(first)
        #expect(send() == [])
        checks.want(Self.locator("acme"))
        let second = try #require(add(2, "acme"))
        checks.cancel(second)
        let reads = send()
        #expect(reads.count == 1)
        #expect(finish(reads[0]) == [])
    }

    @Test func `checks of a lost read are requeued after those of the next read`() {
        add(1, "acme")
        add(2, "acme")
        let lost = send()
        add(3, "acme")
        checks.requeue(lost[0])
        checks.requeue(lost[0])
        let reads = send()
        #expect(reads.count == 1)
        #expect(finish(reads[0]) == [3, 1, 2])
    }

    @Test
    func
        `only the newest read of a record may fill the cache, unless an invalidation arrived`()
    {
        var ids: [Checks.ReadID] = []
        for request: UInt in 1...3 {
            add(request, "acme")
            ids += send()
        }
        #expect(ids.map { inFlight($0)?.mayCache } == [false, false, true])
        checks.invalidateInFlight(Self.locator("umbrella"))
        #expect(inFlight(ids[2])?.mayCache == true)
        checks.invalidateInFlight(Self.locator("acme"))
        #expect(inFlight(ids[2])?.mayCache == false)
        add(4, "acme")
        let last = send()
        #expect(inFlight(last[0])?.mayCache == true)
        checks.invalidateAllInFlight()
        #expect(inFlight(last[0])?.mayCache == false)
    }

    @Test func `IDs of reads that were never sent, or have finished, are ignored`() {
        add(1, "acme")
        for id in [-1, 0, 1, .max, .min] {
            #expect(inFlight(id) == nil)
            #expect(finish(id) == [])
            checks.requeue(id)
        }
        let reads = send()
        #expect(finish(reads[0]) == [1])
        #expect(finish(reads[0]) == [])
        checks.requeue(reads[0])
        #expect(!hasUnsentReads)
    }

    @Test func `only overdue checks are answered without a reply`() throws {
        add(1, "acme", milliseconds: 0)
        let second = try #require(add(2, "umbrella", milliseconds: 100))
        add(3, "acme", milliseconds: 200)
        let reads = send()
        let time = { MonotonicTime(nanoseconds: $0 * 1_000_000) }
        #expect(deadline == time(500))
        #expect(answerOverdue(time(499)) == [])
        #expect(answerOverdue(time(500)) == [1])
        checks.cancel(second)
        #expect(deadline == time(700))
        #expect(finish(reads[0]) == [3])
        #expect(deadline == .never)
    }

    @Test func `each of many checks is answered once, in any order of events`() {
        var generator = SplitMix64(seed: 1)
        var waiting: [UInt: Checks.Ticket] = [:]
        var inFlight: [Checks.ReadID] = []
        for request: UInt in 1...20_000 {
            let name = "org\(Int.random(in: 0..<50, using: &generator))"
            if let ticket = add(request, name) { waiting[request] = ticket }
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: inFlight += send()
            case 1: if let lost = inFlight.popLast() { checks.requeue(lost) }
            case 2...4:
                guard let place = inFlight.indices.randomElement(using: &generator) else { break }
                for request in finish(inFlight.remove(at: place)) {
                    #expect(waiting.removeValue(forKey: request) != nil)
                }
            case 5:
                guard let gone = waiting.keys.min(), let ticket = waiting[gone] else { break }
                waiting[gone] = nil
                #expect(cancel(ticket))
            default: break
            }
            #expect(count == waiting.count)
        }
        for id in inFlight { checks.requeue(id) }
        for id in send() {
            for request in finish(id) { #expect(waiting.removeValue(forKey: request) != nil) }
        }
        #expect(waiting.isEmpty && count == 0)
    }
}
