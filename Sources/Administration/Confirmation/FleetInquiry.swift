import Keyring
import RedisClient

/// A flush that all members are asked to acknowledge, for a moment.
struct FleetInquiry {
    /// Longest wait in milliseconds. A worker answers within a few turns of its event loop.
    static let waitMilliseconds: UInt64 = 250

    /// In a cluster a flush that nobody acknowledges is sent again: a worker may have learnt from it that a slot has moved.
    private static let roundsInCluster = 3
    private static let roundMilliseconds: UInt64 = 80

    /// Those that have not acknowledged.
    struct Silence {
        /// The members, suspects included.
        let members: Set<Member.ID>

        /// Whether there are entries whose members nobody can recognize.
        let hasUnreadable: Bool
    }

    private let channel: any StoreChannel
    private let clock: any BlockingClock

    init(_ channel: any StoreChannel, clock: any BlockingClock) {
        self.channel = channel
        self.clock = clock
    }

    /// Who has not acknowledged the flush in time; `nil` if the store does not send it.
    func silence(after flush: Signal) -> Silence? {
        let deadline = clock.monotonic.advanced(byMilliseconds: Self.waitMilliseconds)
        guard let reply = send(flush), let membership = try? Membership(reply) else { return nil }
        let asked = membership.members + membership.suspects.map(\.member)
        var silent = Set(asked.map(\.id))
        var rounds = channel.cluster == nil ? 1 : Self.roundsInCluster
        while !silent.isEmpty {
            let left = clock.monotonic.milliseconds(until: deadline)
            guard left > 0 else { break }
            let wait = rounds > 1 ? min(left, Self.roundMilliseconds) : left
            let ids = acknowledgements(of: flush, milliseconds: wait)
            silent.subtract(ids)
            guard ids.isEmpty else { continue }
            rounds -= 1
            guard rounds > 0, send(flush) != nil else { break }
        }
        return Silence(members: silent, hasUnreadable: !membership.unreadable.isEmpty)
    }

    private func acknowledgements(of flush: Signal, milliseconds: UInt64) -> [Member.ID] {
        let commands = [
            flush.awaitAcknowledgement(milliseconds: milliseconds), flush.popAcknowledgements,
        ]
        return execute([(.record(flush.locator), commands)])
            .flatMap { $0.flatMap(flush.acknowledgements) }
    }

    /// Sends the flush, and reads the membership list after it; `nil` if either is refused.
    private func send(_ flush: Signal) -> RedisReply? {
        let replies = execute([
            (.record(flush.locator), flush.separateCommands), (.membership, [Membership.read]),
        ])
        guard replies.allSatisfy({ $0.allSatisfy { $0.failure == nil } }) else { return nil }
        return replies.last?.last
    }

    private func execute(_ parts: [PlacedCommands]) -> [[RedisReply]] {
        do throws(StoreConnection.Fault) {
            return try channel.execute(parts)
        } catch {
            channel.renew()
            return []
        }
    }
}
