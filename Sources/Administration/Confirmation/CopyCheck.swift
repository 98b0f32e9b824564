import Keyring
import RedisClient

/// Waits until enough servers hold a change that a failover does not undo it.
///
/// Redis' WAIT speaks of what its own connection has written, and of nothing else. So it always goes after a
/// write of the same connection, which changes nothing and comes after the change.
struct CopyCheck {
    /// Longest wait in milliseconds. After an ordered failover, the sentinels let the former primary follow the
    /// new one 10 seconds later.
    private static let waitMilliseconds: UInt64 = 15_000
    private static let roundMilliseconds: UInt64 = 250
    private static let diskMilliseconds: UInt64 = 50

    private let store: RetryingStore
    private let replicated: any ReplicatedStore
    private let configured: Int?
    private let touch: [RedisCommand]

    /// - Parameters:
    ///   - store: Where the record is.
    ///   - configured: Number of servers that must hold it; `nil` for all that the witnesses know.
    ///   - touch: A write there that changes nothing.
    init(
        _ store: RetryingStore,
        _ replicated: any ReplicatedStore,
        configured: Int?,
        touch: [RedisCommand]
    ) {
        (self.store, self.replicated) = (store, replicated)
        (self.configured, self.touch) = (configured, touch)
    }

    /// The servers that hold the change, as the primary says that held it when the fleet was read, and the witnesses
    /// that were asked after it.
    ///
    /// - Returns: `nil` if the primary is another one now, or the connection to it is lost: nothing is known.
    /// - Throws: How many servers are missing, or why that is uncertain.
    func copies(_ fleet: FleetReading) throws(ConfirmationResult.Uncertainty) -> Copies? {
        let end = min(
            store.deadline,
            store.clock.monotonic.advanced(byMilliseconds: Self.waitMilliseconds)
        )
        guard var named = replicated.connected else { return nil }
        while true {
            guard let round = try round(fleet, named) else { return nil }
            let missing = max(0, round.needed - round.held)
            if let error = round.error, Self.isLasting(error) || end <= store.clock.monotonic {
                throw .copiesUnknown(error.message)
            }
            if missing == 0 {
                let now = try store.findPrimary(replicated)
                guard now.primary == fleet.recordServer.primary else { return nil }
                guard now != named else {
                    return Copies(count: round.held, isOnDisk: round.isOnDisk)
                }
                guard store.clock.monotonic < end else {
                    throw .copiesUnknown("the primary's replicas keep changing")
                }
                named = now
            } else if end <= store.clock.monotonic
                || !store.shouldContinue(until: end, missingServers: missing)
            {
                throw .tooFewCopies(round.held, needed: round.needed, unlinked: round.unlinked)
            } else {
                store.pause(before: end)
            }
        }
    }

    /// What the primary says once.
    private struct Round {
        /// Number of servers that must hold the change.
        let needed: Int

        /// Number of those that do.
        let held: Int

        /// The replicas without a link to the primary.
        var unlinked: [String] = []

        /// Why it does not say; `nil` if it does.
        var error: RedisError?

        /// Whether as many have it on their disks.
        var isOnDisk = false
    }

    /// `nil` if the primary is another one now.
    private func round(_ fleet: FleetReading, _ named: NamedPrimary)
        throws(ConfirmationResult.Uncertainty) -> Round?
    {
        let all = try execute(touch + [Term.read, StoreInformation.readServer])
        let replies = Array(all.dropFirst(touch.count))
        guard isSamePrimary(fleet, replies[0]) else { return nil }
        let information = StoreInformation(replies[0])
        let named = named.counting(information)
        let needed = configured ?? named.replicaCount + 1
        if let error = all.prefix(touch.count).firstFailure {
            return Round(needed: needed, held: 1, error: error)
        }
        let replicas = ConnectedReplicas(information, named)
        let threshold = replicas.threshold(for: needed - 1)
        let reply = wait("WAIT", .number(threshold), .number(Self.roundMilliseconds))
        guard let reply, case .integer(let acknowledged) = reply else {
            return Round(needed: needed, held: 1, error: reply?.failure)
        }
        let held = replicas.known(of: acknowledged) + 1
        guard needed <= held else {
            return Round(needed: needed, held: held, unlinked: replicas.unlinked)
        }
        let server = StoreInformation(replies[1])
        return Round(needed: needed, held: held, isOnDisk: isOnDisk(threshold, server))
    }

    /// Whether asking again is pointless: the user lacks a permission, or the server a command.
    private static func isLasting(_ error: RedisError) -> Bool {
        error.code == "NOPERM" || error.message.contains("unknown command")
    }

    private func execute(_ commands: [RedisCommand]) throws(ConfirmationResult.Uncertainty)
        -> [RedisReply]
    {
        try translating(try store.execute(commands)) { (fault: StoreConnection.Fault) in
            ConfirmationResult.Uncertainty.primaryUnknown(fault.text)
        }
    }

    private func isSamePrimary(_ fleet: FleetReading, _ reply: RedisReply) -> Bool {
        fleet.recordServer.isSameTerm(reply, from: replicated.connected?.primary)
    }

    /// Sends a command after a write of the connection; `nil` if that is lost.
    private func wait(_ arguments: RedisCommand.Argument...) -> RedisReply? {
        let command = RedisCommand(arguments)
        do throws(StoreConnection.Fault) {
            return try store.channel.execute([command], onSameConnection: true)[0]
        } catch {
            store.channel.renew()
            return nil
        }
    }

    /// Redis before 7.2 does not report it.
    private func isOnDisk(_ threshold: Int, _ server: StoreInformation?) -> Bool {
        guard let server, server.isNewEnough == true, !server.isOlder(than: (7, 2)),
            let reply = wait(
                "WAITAOF",
                "1",
                .number(threshold),
                .number(Self.diskMilliseconds)
            ),
            case .array(let counts) = reply, counts.count == 2,
            case .integer(let local) = counts[0], case .integer(let replicas) = counts[1]
        else { return false }
        return local >= 1 && replicas >= threshold
    }
}
