import Keyring
import RedisClient

@testable import Administration

/// A connection to the store that reorders commands or falsifies replies.
final class FlawedChannel: StoreChannel {
    private let channel: SimulatedChannel
    private let second: SimulatedChannel
    private let flaw: Flaw.Procedure
    private let barrierID: BarrierID
    private var early: RedisReply?
    private var isPublished = false

    /// - Parameter second: Another connection of the same administrator.
    init(
        _ channel: SimulatedChannel,
        second: SimulatedChannel,
        _ flaw: Flaw.Procedure,
        _ barrierID: BarrierID
    ) {
        self.channel = channel
        self.second = second
        self.flaw = flaw
        self.barrierID = barrierID
    }

    var isReady: Bool { channel.isReady }

    func renew() { channel.renew() }

    func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        switch flaw {
        case .listReadTooEarly: try executeWithEarlyList(commands, onSameConnection)
        case .barrierWithChange: try executeWithBarrier(commands, onSameConnection)
        case .graceNotWaitedFor:
            try channel.execute(commands, onSameConnection: onSameConnection).map(Self.graceless)
        case .livingTakenOut: try executeUnwatched(commands, onSameConnection)
        case .silentNotWaitedOut:
            try channel.execute(commands, onSameConnection: onSameConnection)
        }
    }

    private func executeWithEarlyList(
        _ commands: [RedisCommand],
        _ onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        if early == nil { early = try second.execute([MembershipCommands.read()])[0] }
        var replies = try channel.execute(commands, onSameConnection: onSameConnection)
        if let early, commands.first == MembershipCommands.read() { replies[0] = early }
        return replies
    }

    private func executeWithBarrier(
        _ commands: [RedisCommand],
        _ onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        if commands.last?.isExec == true, !isPublished {
            isPublished = true
            let both = commands + [FleetChannel.publish(barrierID)]
            return try channel.execute(both, onSameConnection: onSameConnection).dropLast()
        }
        guard commands.first == FleetChannel.publish(barrierID) else {
            return try channel.execute(commands, onSameConnection: onSameConnection)
        }
        return [.integer(1)] + (try channel.execute(Array(commands.dropFirst())))
    }

    /// Nothing is watched, and the list is not read again before members are removed.
    private func executeUnwatched(
        _ commands: [RedisCommand],
        _ onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        if commands.first == MembershipCommands.read() {
            let replies = try channel.execute(commands, onSameConnection: onSameConnection)
            early = replies[0]
            return replies
        }
        guard commands.first == MembershipCommands.watch() else {
            return try channel.execute(commands, onSameConnection: onSameConnection)
        }
        _ = try channel.execute(Array(commands.dropFirst()))
        return [.status(ArraySlice("OK".utf8)), early ?? .null]
    }

    private static func graceless(_ reply: RedisReply) -> RedisReply {
        switch reply {
        case .array(let elements): return .array(elements.map(graceless))
        case .bulk(let text):
            let words = String(decoding: text, as: UTF8.self).split(separator: " ").map {
                $0.hasPrefix("grace=") ? "grace=0" : $0
            }
            return words.count > 1 ? .bulk(ArraySlice(words.joined(separator: " ").utf8)) : reply
        default: return reply
        }
    }
}

extension RedisCommand {
    /// Whether the command executes a transaction.
    fileprivate var isExec: Bool { arguments.first?.elementsEqual("EXEC".utf8) == true }
}

/// A clock that runs much too fast: an administrator that waits by it waits far too briefly.
struct HastyClock: BlockingClock {
    private static let haste: UInt64 = 20

    let clock: MachineClock
    let timeline: Timeline

    var monotonic: MonotonicTime {
        let actual = clock.reading(at: timeline.now).monotonic
        return MonotonicTime(nanoseconds: actual.nanoseconds * Self.haste)
    }

    var unix: UnixTime { clock.reading(at: timeline.now).unix }

    func sleep(until moment: MonotonicTime) {
        let actual = MonotonicTime(nanoseconds: moment.nanoseconds / Self.haste)
        timeline.run(until: clock.time(of: actual))
    }
}
