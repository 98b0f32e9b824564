import KeyFormat
import Keyring
import RedisClient

/// Whether the store can be reached, and whether confirmed changes last.
struct StoreCheck {
    private let configuration: Configuration

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    var findings: [Finding] {
        do throws(AdministrationError) {
            let opening = try StoreOpening(configuration)
            switch configuration.topology {
            case .standalone(let url):
                return try findings(opening.connection(to: url, refusesOld: false))
            case .sentinel(let url):
                return try SentinelCheck(url, configuration, opening).findings
            case .cluster(let url): return try ClusterCheck(url, configuration, opening).findings
            }
        } catch {
            return [Self.unreachable(error)]
        }
    }

    /// The finding for a server that does not answer.
    static func unreachable(_ error: AdministrationError) -> Finding {
        .fault(
            "store.reachable",
            error.message,
            "check that Redis is running there, and that the user and password are correct"
        )
    }

    private func findings(_ connection: StoreConnection) throws(AdministrationError) -> [Finding] {
        let server = try ServerCheck(configuration, connection)
        return [.ok("store.reachable", "\(configuration.topology.endpoints[0]) answers")]
            + server.findings { [role($0), replicas($0)] }
            + MembershipCheck(configuration, connection).findings
            + RecordCheck(configuration, connection).findings
            + PepperCheck(configuration, connection).findings
    }

    private func role(_ information: StoreInformation) -> Finding {
        information.isPrimary
            ? .ok("store.role", "it is not a replica")
            : .fault(
                "store.role",
                "it is a replica: changes cannot be written, or are overwritten by its primary",
                "name the primary in latchkey_store"
            )
    }

    private func replicas(_ information: StoreInformation) -> Finding {
        let count = information.number("connected_slaves") ?? 0
        return count == 0
            ? .ok("store.replicas", "it has no replicas")
            : .note(
                "store.replicas",
                "it has \(Counted(count, "replica")): after a failover, the last changes can be lost",
                "after a failover, revoke again what was revoked shortly before"
            )
    }
}
