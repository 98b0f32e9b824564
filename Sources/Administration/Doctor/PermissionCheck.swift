import KeyFormat
import Keyring
import RedisClient

/// Whether both programs have the permissions in the store that they need. The probes change nothing.
struct PermissionCheck {
    private let configuration: Configuration
    private let connection: StoreConnection

    init(_ configuration: Configuration, _ connection: StoreConnection) {
        self.configuration = configuration
        self.connection = connection
    }

    var findings: [Finding] { [admin] + gateway }

    private var admin: Finding {
        do throws(StoreConnection.Fault) {
            let isCluster = configuration.topology.isCluster
            let reads =
                PermissionProbe.adminReads
                + (configuration.topology.hasFailover ? PermissionProbe.adminReplication : [])
                + (isCluster ? PermissionProbe.adminCluster : [])
            let changes = PermissionProbe.adminChanges(inCluster: isCluster)
            var replies = try connection.execute(reads)
            // Queueing them shows what is refused. The last one is wrong, so nothing is carried out.
            replies += try connection.execute(changes)
            connection.renew()
            return finding("admin", reads + changes, replies)
        } catch {
            return lost("admin", error)
        }
    }

    private var gateway: [Finding] {
        let credentials: RedisCredentials?
        do throws(SecretFault) {
            credentials = try Secrets.credentials(file: configuration.gatewayCredentialsFile)
        } catch {
            // ``FileCheck`` reports that the file cannot be read.
            return []
        }
        let connection = connection.sibling(as: credentials)
        do throws(StoreConnection.Fault) {
            // The last ones subscribe, and allow nothing else on the connection.
            let commands =
                (configuration.topology.isCluster ? PermissionProbe.gatewayCluster : [])
                + PermissionProbe.gateway
            let replies = try connection.execute(commands)
            return [finding("gateway", commands, replies)]
        } catch {
            return [lost("gateway", error)]
        }
    }

    private func lost(_ user: String, _ fault: StoreConnection.Fault) -> Finding {
        .fault(
            "rights.\(user)",
            "as the \(user) user: \(AdministrationError(fault).message)",
            "check the user and password in the file that latchkey_store_auth names"
        )
    }

    private func finding(_ user: String, _ commands: [RedisCommand], _ replies: [RedisReply])
        -> Finding
    {
        let refused = zip(commands, replies).filter { $1.isRefused }.map { $0.0.words }
        guard !refused.isEmpty else {
            return .ok("rights.\(user)", "the \(user) user has the permissions it needs")
        }
        let loss = Self.losses.filter { loss in
            refused.contains { $0.hasPrefix(loss.command) }
        }.map { "; \($0.text)" }
        return .fault(
            "rights.\(user)",
            "the store does not permit the \(user) user: \(refused.joined(separator: ", "))"
                + loss.joined(),
            "grant the permissions in docs/ACCESS.md; "
                + "if the store lacks the command, see docs/OPERATIONS.md"
        )
    }

    /// What a missing permission costs.
    private static let losses = [
        (command: "WAIT ", text: "no change is confirmed"),
        (command: "SET ", text: "each change waits for a lease"),
        (command: "DEL ", text: "each change waits for a lease"),
        (
            command: "CLIENT TRACKING",
            text: "workers read the store for every check, and each change waits for a lease"
        ),
    ]
}

extension RedisReply {
    /// Redis' errors for probes that are wrong on purpose: the command exists and is permitted.
    private static let provoked = [
        "wrong number of arguments", "not a valid float", "not an integer",
        "cannot be used with replica instances",
    ]

    /// Whether the permission or the command is missing. EXEC reports that differently.
    fileprivate var isRefused: Bool {
        guard let failure else { return false }
        switch failure.code {
        case "NOPERM": return true
        case "ERR": return !Self.provoked.contains { failure.message.contains($0) }
        default: return failure.message.contains("because of: NOPERM")
        }
    }
}

extension RedisCommand {
    /// The command's name and first argument.
    fileprivate var words: String {
        let parts = arguments.prefix(2).map { String(decoding: $0, as: UTF8.self) }
        return parts.joined(separator: " ")
    }
}
