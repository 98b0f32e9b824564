import Keyring
import RedisClient

/// A store without any record: no worker can have cached a key of it, so the membership list lacks nobody.
///
/// A new installation would otherwise wait for a lease and grace at its first change, and end it as
/// uncertain where the grace is long.
struct EmptyStore {
    private let context: AdministrationContext

    init(_ context: AdministrationContext) {
        self.context = context
    }

    /// Hands the term over at once if the store has no record. What fails is left to the first change.
    ///
    /// The order is essential: an import that begins after the list was read gives it another generation.
    func handOver() {
        guard let first = fleet(), !isWhole(first) else { return }
        let begin = Membership.begin(as: context.makeSignalID(context.clock.unix))
        guard let fleet = fleet(after: [begin]), let terms = terms(fleet), holdsNoRecord else {
            return
        }
        let trust = Membership.endlessTrustMilliseconds
        if let commands = fleet.membership.handOver(terms, trustMilliseconds: trust) {
            _ = try? context.store.read(commands, at: .membership)
        }
    }

    private func isWhole(_ fleet: FleetReading) -> Bool {
        let trust = context.configuration.trustMilliseconds
        return fleet.unknownTerms(max(trust, fleet.membership.trustMilliseconds)).isEmpty
    }

    /// The terms of all primaries; `nil` if one does not tell, or a cluster does not hold all slots.
    private func terms(_ fleet: FleetReading) -> [Term]? {
        guard let cluster = context.channel.cluster else {
            return fleet.recordServer.term.map { [$0] }
        }
        guard (try? cluster.refresh())?.table.isComplete == true else { return nil }
        return cluster.terms()
    }

    private func fleet(after commands: [RedisCommand] = []) -> FleetReading? {
        guard
            let replies = try? context.store.read(
                commands + FleetReading.commands,
                at: .membership
            )
        else { return nil }
        return try? FleetReading(
            replies.suffix(FleetReading.commands.count),
            bootID: context.clock.bootID,
            at: context.clock.monotonic,
            from: context.channel.at(.membership).replicated?.connected?.primary
        )
    }

    private var holdsNoRecord: Bool {
        do throws(AdministrationError) {
            var isEmpty = true
            try RecordListing(context.store).visitPages { locators throws(AdministrationError) in
                isEmpty = locators.isEmpty
                return isEmpty
            }
            return isEmpty
        } catch {
            return false
        }
    }
}
