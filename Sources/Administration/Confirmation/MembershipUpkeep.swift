import Keyring
import RedisClient

/// Notes in the membership list what the wait for a change has shown, so that no later change waits for it
/// again. What fails is left to the next change.
struct MembershipUpkeep {
    /// Most members that one transaction moves, or suspects that it removes. While Redis carries it out, all other clients wait.
    private static let batchLength = 250

    private let store: RetryingStore

    init(_ store: RetryingStore) {
        self.store = store.at(.membership)
    }

    /// Hands the terms over: whoever was missing in the list no longer trusts anything.
    func handOver(_ fleet: FleetReading, trustMilliseconds trust: UInt64) {
        let terms = fleet.unknownTerms(trust).compactMap(\.self)
        guard !terms.isEmpty else { return }
        // In a cluster other primaries have their own terms.
        let others: Set<Term>? =
            if let cluster = store.channel.cluster {
                cluster.terms().map { Set($0.compactMap(fleet.asListed)) }
            } else { [] }
        let commands = fleet.membership.handOver(terms, besides: others, trustMilliseconds: trust)
        if let commands { _ = execute(commands) }
    }

    /// Notes since when terms are waited for, so that a later command goes on.
    func noteWait(_ fleet: FleetReading, trustMilliseconds trust: UInt64) {
        let commands = fleet.unknownTerms(trust).compactMap { term -> RedisCommand? in
            guard let term, fleet.membership.waitBegan(term) == nil else { return nil }
            return fleet.membership.noteWait(term, from: fleet.waitBeganAt(term))
        }
        if !commands.isEmpty { _ = execute(commands) }
    }

    /// Moves members off the list, unless they have registered anew or left. Returns those that it moved.
    @discardableResult
    func move(_ members: [Member]) -> [Member] {
        var moved: [Member] = []
        for batch in batches(members) {
            guard let reply = watch(Suspect.watch(batch)) else { break }
            let unchanged = Suspect.unchanged(batch, reply)
            guard !unchanged.isEmpty, transact(Suspect.move(unchanged)) else { continue }
            moved += unchanged
            note(unchanged, movedAt: store.clock.monotonic)
        }
        return moved
    }

    /// Removes the suspects that have ended, and notes the others for this machine.
    func attend(to suspects: [Suspect], _ fleet: FleetReading) {
        let now = store.clock.monotonic
        remove(suspects.filter { fleet.trustEnd(of: $0) <= now })
        let others = suspects.filter { $0.movedAt == nil && now < fleet.trustEnd(of: $0) }
        note(others.map(\.member), movedAt: fleet.readAt)
    }

    private func remove(_ ended: [Suspect]) {
        for batch in batches(ended) {
            guard let reply = watch(Suspect.watch(batch)) else { return }
            let noted = Suspect.noted(batch, reply)
            if !noted.isEmpty { _ = transact(Suspect.remove(noted)) }
        }
    }

    private func batches<Element>(_ all: [Element]) -> [ArraySlice<Element>] {
        stride(from: 0, to: all.count, by: Self.batchLength).map {
            all[$0...].prefix(Self.batchLength)
        }
    }

    private func note(_ members: [Member], movedAt moment: MonotonicTime) {
        guard !members.isEmpty else { return }
        _ = execute(Suspect.note(members, movedAt: moment, bootID: store.clock.bootID))
    }

    /// The last reply, if the list is watched.
    private func watch(_ commands: [RedisCommand]) -> RedisReply? {
        let replies = execute(commands)
        return replies.first?.isOK == true ? replies.last : nil
    }

    /// MULTI goes alone: if it were refused, the commands after it would be carried out one by one.
    private func transact(_ commands: [RedisCommand]) -> Bool {
        guard execute(Array(commands.prefix(1)), onSameConnection: true).first?.isOK == true,
            case .array = execute(Array(commands.dropFirst()), onSameConnection: true).last
        else {
            // A refused EXEC would leave the connection in the transaction.
            store.channel.renew()
            return false
        }
        return true
    }

    private func execute(_ commands: [RedisCommand], onSameConnection: Bool = false) -> [RedisReply]
    {
        do throws(StoreConnection.Fault) {
            return try store.channel.execute(commands, onSameConnection: onSameConnection)
        } catch {
            store.channel.renew()
            return []
        }
    }
}
