import KeyFormat
import RedisClient
import Testing

@testable import Gateway

/// Checks that wait for the store, and the reads that answer them.
struct PendingCheckTests {
    private var pending = PendingChecks(countMax: 1000)

    private static func locator(_ name: String) -> Locator { Locator(organization: name.utf8) }

    @discardableResult
    private mutating func add(
        _ request: UInt,
        _ name: String,
        milliseconds: UInt64 = 0
    ) -> PendingChecks.Ticket? {
        let now = MonotonicTime(nanoseconds: milliseconds * 1_000_000)
        return pending.add(
            request: request,
            key: VerifiedKey(
                issued: .init(locator: Self.locator(name), verifier: .none),
                fingerprint: .none
            ),
            at: now,
            deadline: now.advanced(byMilliseconds: 500)
        )
    }

    private mutating func send() -> [PendingChecks.ReadID] {
        var ids: [PendingChecks.ReadID] = []
        while let read = pending.nextUnsent(mayKeep: true) { ids.append(read.id) }
        return ids
    }

    private mutating func finish(_ id: PendingChecks.ReadID) -> [UInt] {
        var requests: [UInt] = []
        pending.finish(id) { requests.append($0.request) }
        return requests
    }

    @Test mutating func `checks of an organization share a read, which answers them in order`() {
        for request: UInt in 1...3 { add(request, "acme") }
        add(4, "umbrella")
        let reads = send()
        #expect(reads.count == 2)
        #expect(pending.underWay(reads[0])?.locator == Self.locator("acme"))
        #expect(finish(reads[0]) == [1, 2, 3])
        #expect(finish(reads[1]) == [4])
        #expect(pending.count == 0)
        #expect(pending.deadline == .never)
    }

    @Test mutating func `a read that is under way is not joined`() {
        add(1, "acme")
        let first = send()
        add(2, "acme")
        let second = send()
        #expect(first.count == 1 && second.count == 1)
        #expect(finish(first[0]) == [1])
        #expect(finish(second[0]) == [2])
    }

    @Test mutating func `a check in a cancelled one's place is answered by its own read`() throws {
        let ticket = try #require(add(1, "acme"))
        let first = send()
        #expect(pending.remove(ticket)?.request == 1)
        #expect(pending.remove(ticket) == nil)
        add(2, "umbrella")
        #expect(pending.remove(ticket) == nil)
        #expect(finish(first[0]) == [])
        #expect(finish(send()[0]) == [2])
    }

    @Test mutating func `whoever stands in the middle of a line can leave it`() throws {
        let tickets = (1...4).map { add($0, "acme") }
        pending.remove(try #require(tickets[1]))
        pending.remove(try #require(tickets[3]))
        add(5, "acme")
        pending.remove(try #require(tickets[0]))
        #expect(finish(send()[0]) == [3, 5])
    }

    @Test mutating func `a read that nobody needs is not sent, one that is wanted is`() throws {
        let first = try #require(add(1, "acme"))
        pending.remove(first)
        #expect(send() == [])
        pending.want(Self.locator("acme"))
        let second = try #require(add(2, "acme"))
        pending.remove(second)
        let reads = send()
        #expect(reads.count == 1)
        #expect(finish(reads[0]) == [])
    }

    @Test mutating func `checks of a lost read wait for the next, behind those that do already`() {
        add(1, "acme")
        add(2, "acme")
        let lost = send()
        add(3, "acme")
        pending.resend(lost[0])
        pending.resend(lost[0])
        let reads = send()
        #expect(reads.count == 1)
        #expect(finish(reads[0]) == [3, 1, 2])
    }

    @Test mutating func `the last of a record's reads may be kept, unless news overtook it`() {
        var ids: [PendingChecks.ReadID] = []
        for request: UInt in 1...3 {
            add(request, "acme")
            ids += send()
        }
        #expect(ids.map { pending.underWay($0)?.mayKeep } == [false, false, true])
        pending.overtake(Self.locator("umbrella"))
        #expect(pending.underWay(ids[2])?.mayKeep == true)
        pending.overtake(Self.locator("acme"))
        #expect(pending.underWay(ids[2])?.mayKeep == false)
        add(4, "acme")
        let last = send()
        #expect(pending.underWay(last[0])?.mayKeep == true)
        pending.overtakeAll()
        #expect(pending.underWay(last[0])?.mayKeep == false)
    }

    @Test mutating func `numbers of reads that were never sent, or have ended, do no harm`() {
        add(1, "acme")
        for id in [-1, 0, 1, .max, .min] {
            #expect(pending.underWay(id) == nil)
            #expect(finish(id) == [])
            pending.resend(id)
        }
        let reads = send()
        #expect(finish(reads[0]) == [1])
        #expect(finish(reads[0]) == [])
        pending.resend(reads[0])
        #expect(!pending.hasUnsent)
    }

    @Test mutating func `checks are given up in time, and only those that still wait`() throws {
        add(1, "acme", milliseconds: 0)
        let second = try #require(add(2, "umbrella", milliseconds: 100))
        add(3, "acme", milliseconds: 200)
        let reads = send()
        let time = { MonotonicTime(nanoseconds: $0 * 1_000_000) }
        #expect(pending.deadline == time(500))
        #expect(pending.takeOverdue(time(499)).isEmpty)
        #expect(pending.takeOverdue(time(500)).map(\.request) == [1])
        pending.remove(second)
        #expect(pending.deadline == time(700))
        #expect(finish(reads[0]) == [3])
        #expect(pending.deadline == .never)
    }

    @Test mutating func `each of many checks is answered once, whatever happens between`() {
        var generator = SeededGenerator(seed: 1)
        var waiting: [UInt: PendingChecks.Ticket] = [:]
        var underWay: [PendingChecks.ReadID] = []
        for request: UInt in 1...20_000 {
            let name = "org\(Int.random(in: 0..<50, using: &generator))"
            if let ticket = add(request, name) { waiting[request] = ticket }
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: underWay += send()
            case 1: if let lost = underWay.popLast() { pending.resend(lost) }
            case 2...4:
                guard let place = underWay.indices.randomElement(using: &generator) else { break }
                for request in finish(underWay.remove(at: place)) {
                    #expect(waiting.removeValue(forKey: request) != nil)
                }
            case 5:
                guard let gone = waiting.keys.min(), let ticket = waiting[gone] else { break }
                waiting[gone] = nil
                #expect(pending.remove(ticket)?.request == gone)
            default: break
            }
            #expect(pending.count == waiting.count)
        }
        for id in underWay { pending.resend(id) }
        for id in send() {
            for request in finish(id) { #expect(waiting.removeValue(forKey: request) != nil) }
        }
        #expect(waiting.isEmpty && pending.count == 0)
    }
}
