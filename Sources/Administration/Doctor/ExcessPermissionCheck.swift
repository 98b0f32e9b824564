import KeyFormat
import Keyring
import RedisClient

/// Whether a program has more permissions in the store than it needs: anyone with its password has them
/// too.
struct ExcessPermissionCheck {
    private let configuration: Configuration
    private let connection: StoreConnection

    /// - Parameter connection: To the store, as any user.
    init(_ configuration: Configuration, _ connection: StoreConnection) {
        self.configuration = configuration
        self.connection = connection
    }

    var findings: [Finding] {
        let cluster = configuration.topology.isCluster ? ExcessPermissionProbe.cluster : []
        return [
            finding(
                "admin",
                configuration.adminCredentialsFile,
                ExcessPermissionProbe.admin + cluster
            ),
            finding(
                "gateway",
                configuration.gatewayCredentialsFile,
                ExcessPermissionProbe.gateway + cluster
            ),
        ].compactMap { $0 }
    }

    /// `nil` if that cannot be checked; the reason is another finding.
    private func finding(
        _ user: String,
        _ file: String?,
        _ probes: [(command: RedisCommand, permission: String)]
    ) -> Finding? {
        let credentials: RedisCredentials?
        do throws(SecretFault) {
            credentials = try Secrets.credentials(file: file)
        } catch {
            return nil
        }
        let connection = connection.sibling(as: credentials)
        guard let replies = try? connection.execute(probes.map(\.command)) else { return nil }
        let allowed = zip(probes, replies).filter { $1.failure?.code != "NOPERM" }.map {
            $0.0.permission
        }
        let check = "rights.\(user).excess"
        guard !allowed.isEmpty else {
            return .ok(check, "the \(user) user has no other permissions")
        }
        let alias = file == nil ? " (Redis' default user)" : ""
        return .note(
            check,
            "the \(user) user\(alias) may also: \(allowed.joined(separator: ", "))",
            "create a Redis user that has only the permissions in docs/ACCESS.md"
        )
    }
}
