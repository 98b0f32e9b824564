import TestSupport
import Testing

@testable import RedisClient

/// Moves a link by hand: time passes and bytes come only when a test says so.
final class LinkDriver {
    enum Event: Equatable {
        case ready
        case reply(Int, RedisReply)
        case invalidated(Invalidation)
        case lost(LinkFailure, unanswered: [Int])
    }

    static let endpoint = Endpoint.unix(path: "/redis.sock")

    var link: RedisLink
    private(set) var now = MonotonicTime(nanoseconds: 1_000_000_000)

    init(
        database: Int = 0,
        user: String? = nil,
        password: String = "",
        timeoutMilliseconds: UInt64 = 500,
        replyLengthMax: Int = LinkSettings.replyLengthMax,
        trackedPrefix: String? = nil,
        endpoint: Endpoint? = LinkDriver.endpoint,
        requiresPrimary: Bool = false
    ) {
        let credentials = user.flatMap { user in
            RedisCredentials(user: Array(user.utf8).span, password: Array(password.utf8).span)
        }
        link = RedisLink(
            .init(
                endpoint: endpoint,
                database: database,
                credentials: credentials,
                timeoutMilliseconds: timeoutMilliseconds,
                replyLengthMax: replyLengthMax,
                trackedPrefix: trackedPrefix,
                requiresPrimary: requiresPrimary
            )
        )
    }

    /// A link that is ready.
    static func ready(timeoutMilliseconds: UInt64 = 500) -> LinkDriver {
        let driver = LinkDriver(timeoutMilliseconds: timeoutMilliseconds)
        driver.connect()
        return driver
    }

    var isReady: Bool { link.isReady }

    var isIdle: Bool { link.isIdle }

    var hasOutput: Bool { link.hasOutput }

    var deadline: MonotonicTime { link.deadline }

    func isConnecting(_ now: MonotonicTime) -> Bool { link.isConnecting(now) }

    /// Opens the link, answers its handshake, and drops its events, orders and output.
    func connect() {
        tick()
        opened()
        received("+PONG\r\n")
        #expect(isReady)
        _ = (orders(), events(), output())
    }

    func advance(milliseconds: UInt64) {
        now = now.advanced(byMilliseconds: milliseconds)
    }

    /// Advances the clock, then ticks.
    func tick(afterMilliseconds milliseconds: UInt64 = 0) {
        advance(milliseconds: milliseconds)
        link.tick(now)
    }

    func opened() { link.opened(now) }

    func closed() { link.closed(now) }

    func received(_ text: String) {
        Array(text.utf8).withUnsafeBytes { link.received($0, now) }
    }

    @discardableResult
    func send(_ command: String..., tag: Int) -> Bool {
        let redisCommand = RedisCommand(command.map { .text($0) })
        return link.send(redisCommand, tag: CommandTag(number: UInt64(tag)), now: now)
    }

    /// The orders to open and to close.
    func orders() -> [LinkOrder] { allOrders().filter { $0 != .write } }

    func allOrders() -> [LinkOrder] {
        var orders: [LinkOrder] = []
        while let order = link.nextOrder() { orders.append(order) }
        return orders
    }

    func events() -> [Event] {
        var events: [Event] = []
        while let event = link.nextEvent() {
            switch event {
            case .ready: events.append(.ready)
            case .reply(let tag, let reply): events.append(.reply(Int(tag.number), reply))
            case .invalidated(let keys): events.append(.invalidated(keys))
            case .lost(let failure, let unanswered):
                events.append(.lost(failure, unanswered: unanswered.map { Int($0.number) }))
            }
        }
        return events
    }

    /// Drains the output in pieces of a length.
    func outputBytes(pieceLength: Int = 4096) -> [UInt8] {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: pieceLength)
        while case let count = buffer.withUnsafeMutableBytes({ link.drainOutput(into: $0) }),
            count > 0
        {
            output += buffer.prefix(count)
        }
        return output
    }

    /// Drains the output as commands.
    func output() -> [[String]]? { CommandReader.commands(in: outputBytes()) }
}
