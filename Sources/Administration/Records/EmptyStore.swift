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
        guard let fleet = fleet(after: [begin]), let term = fleet.term, holdsNoRecord else {
            return
        }
        let trust = Membership.endlessTrustMilliseconds
        if let commands = fleet.membership.handOver(term, trustMilliseconds: trust) {
            _ = try? context.store.read(commands)
        }
    }

    private func isWhole(_ fleet: FleetReading) -> Bool {
        let trust = context.configuration.trustMilliseconds
        return fleet.membership.isWhole(
            in: fleet.term,
            forMilliseconds: max(trust, fleet.membership.trustMilliseconds)
        )
    }

    private func fleet(after commands: [RedisCommand] = []) -> FleetReading? {
        guard let replies = try? context.store.read(commands + FleetReading.commands) else {
            return nil
        }
        return try? FleetReading(
            replies.suffix(FleetReading.commands.count),
            bootID: context.clock.bootID,
            at: context.clock.monotonic,
            from: context.channel.replicated?.connected?.primary
        )
    }

    private var holdsNoRecord: Bool {
        var scan = RecordScan()
        while let command = scan.next {
            guard let page = try? context.store.read([command])[0],
                let locators = try? scan.receive(page), locators.isEmpty
            else { return false }
        }
        return true
    }
}
