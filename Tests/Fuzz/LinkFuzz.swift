import RedisClient
import TestSupport

/// A link that is opened repeatedly and fed with corrupted streams.
final class LinkFuzz {
    private var link = RedisLink(
        .init(
            endpoint: .unix(path: "/fuzz"),
            database: 1,
            credentials: nil,
            timeoutMilliseconds: 100,
            replyLengthMax: 64
        )
    )
    private var now = MonotonicTime(nanoseconds: 0)
    private var lastTag: UInt64 = 0
    private var unanswered: [UInt64] = []
    private var answered = 0
    private var losses = 0

    var outcomes: [Int] { [answered, losses] }

    var tally: String { "link: \(answered) commands answered, \(losses) losses" }

    func run(_ stream: [UInt8], _ random: inout SplitMix64) throws {
        try open(random.once(in: 8) ? stream : Array("+OK\r\n+PONG\r\n".utf8), stream)
        for _ in 0..<random.below(6) { send() }
        let cut = random.below(stream.count + 1)
        receive(Array(stream[..<cut]))
        try takeEvents(stream)
        if random.once(in: 4) { send() }
        receive(Array(stream[cut...]))
        try takeEvents(stream)
        try end(stream, &random)
    }

    private func open(_ handshake: [UInt8], _ stream: [UInt8]) throws {
        while link.deadline > now { now = link.deadline }
        link.tick(now)
        var isAsked = false
        while let order = link.nextOrder() { isAsked = order == .open }
        guard isAsked else {
            throw Violation("a due link does not order its connection", stream)
        }
        link.opened(now)
        drainOutput()
        receive(handshake)
        try takeEvents(stream)
    }

    private func send() {
        let isReady = link.isReady
        guard
            link.send(RedisCommand("ECHO", "x"), tag: CommandTag(number: lastTag + 1), now: now),
            isReady
        else {
            return
        }
        lastTag += 1
        unanswered.append(lastTag)
        drainOutput()
    }

    private func receive(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { link.received($0, now) }
    }

    private func drainOutput() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while link.drainOutput(into: buffer) > 0 {}
        }
    }

    private func takeEvents(_ stream: [UInt8]) throws {
        while let event = link.nextEvent() {
            switch event {
            case .ready, .invalidated: break
            case .reply(let tag, _):
                guard tag.number == unanswered.first else {
                    throw Violation("a reply is out of order", stream)
                }
                unanswered.removeFirst()
                answered += 1
            case .lost(_, let tags):
                guard tags.map(\.number) == unanswered else {
                    throw Violation("a loss does not report all unanswered commands", stream)
                }
                unanswered = []
                losses += 1
                guard !link.isReady, link.isIdle else {
                    throw Violation("a lost link is not idle", stream)
                }
            }
        }
    }

    /// Ends the connection in one of the possible ways, if it has not ended yet.
    private func end(_ stream: [UInt8], _ random: inout SplitMix64) throws {
        if random.once(in: 2) {
            now = now.advanced(byMilliseconds: 100)
            link.tick(now)
        }
        link.closed(now)
        try takeEvents(stream)
        while link.nextOrder() != nil {}
        guard unanswered.isEmpty, !link.isReady, link.isIdle else {
            throw Violation("a closed link is not idle", stream)
        }
    }
}
