import KeyFormat
import Keyring
import RedisClient

extension ChangeConfirmer {
    /// Confirms changes in a cluster: those of each server after one signal from it, which follows the invalidations of
    /// all of them. A record that has moved since it was changed gets a signal of its own, which names it: a server that
    /// took its slot by force has sent no invalidation.
    ///
    /// - Throws: Why the rest is uncertain.
    func confirm(
        _ changes: [RecordChange],
        at cluster: any ClusteredStore,
        _ store: RetryingStore
    ) throws(ConfirmationResult.Uncertainty) -> ConfirmationResult {
        var all = (since: context.clock.unix, outcome: BarrierOutcome())
        var rest = changes
        repeat {
            let groups = Self.groups(rest, cluster)
            rest = []
            for (group, fleet) in zip(groups, try fleets(groups, store)) {
                let signalling: Signalling =
                    group.contains { $0.signalling.isRefused } ? .refused : .unsent
                if case .confirmed(let since, let outcome) = try attempt(
                    group,
                    signalling,
                    fleet,
                    store
                ) {
                    all.since = max(all.since, since)
                    all.outcome.add(outcome)
                } else {
                    rest += group
                }
            }
            guard !rest.isEmpty else { return .confirmed(since: all.since, all.outcome) }
            pause(store)
        } while store.clock.monotonic < store.deadline && store.shouldContinue()
        throw .notReadBack(
            "records have moved to other servers of the cluster meanwhile, or not all primaries know who holds them"
        )
    }

    /// The fleet for each group, all read before the first waits: their waits pass side by side. `nil` where it has to
    /// be read anew.
    private func fleets(_ groups: [[RecordChange]], _ store: RetryingStore)
        throws(ConfirmationResult.Uncertainty) -> [FleetReading?]
    {
        guard groups.count > 1 else { return [nil] }
        var fleets: [FleetReading?] = []
        var list: FleetReading?
        for group in groups {
            let fleet = try barrier(store, signal(about: group)).read(besides: list)
            list = list ?? fleet
            fleets.append(fleet)
        }
        return fleets
    }

    /// The changes that share a signal.
    private static func groups(_ changes: [RecordChange], _ cluster: any ClusteredStore)
        -> [[RecordChange]]
    {
        var groups: [[RecordChange]] = []
        var indices: [Primary: Int] = [:]
        for change in changes {
            let owner = cluster.owner(of: change.place)
            guard let owner, owner == change.primary else {
                groups.append([change])
                continue
            }
            if let index = indices[owner] {
                groups[index].append(change)
            } else {
                indices[owner] = groups.count
                groups.append([change])
            }
        }
        return groups
    }
}

extension BarrierOutcome {
    /// Adds how the workers responded to another barrier of the same changes.
    fileprivate mutating func add(_ other: BarrierOutcome) {
        let known = Set(expired.map(\.id))
        expired += other.expired.filter { !known.contains($0.id) }
        if let copies = other.copies {
            self.copies = Copies(
                count: min(copies.count, self.copies?.count ?? copies.count),
                isOnDisk: copies.isOnDisk && self.copies?.isOnDisk ?? true
            )
        }
    }
}
