import Glibc
import Keyring
import RedisClient

/// Whether nginx workers, which are not root, reach what they need. The master reads everything else as
/// root: the configuration, the pepper, the file with the gateways' password, the module.
struct WorkerCheck {
    private let configuration: Configuration
    private let server: InstalledModule.Server
    private let libraryFile: String

    /// - Parameter server: The nginx to check, with its configuration.
    init(_ configuration: Configuration, _ server: InstalledModule.Server, library: String) {
        self.configuration = configuration
        self.server = server
        libraryFile = library
    }

    var findings: [Finding] {
        let file = server.configurationFile
        guard access(file, R_OK) == 0, let values = try? userDirective() else {
            return [
                .note(
                    "workers",
                    "\(file), which names the user of the nginx workers, cannot be read",
                    "run latchkey doctor as root; if nginx has another configuration file: --nginx-conf"
                )
            ]
        }
        guard let account = account(values) else {
            return [
                .fault(
                    "workers",
                    "\(file) runs nginx workers as \(values.joined(separator: " ")), which is not an "
                        + "account or group here",
                    "name an existing one with nginx's directive \"user\""
                )
            ]
        }
        guard account.act({ true }) == true else {
            return [
                .note(
                    "workers",
                    "what nginx workers can reach as \(account.name) cannot be checked",
                    "run latchkey doctor as root"
                )
            ]
        }
        let faults = [store(account), library(account)].compactMap { $0 }
        return faults.isEmpty
            ? [.ok("workers", "nginx workers reach the store and the library as \(account.name)")]
            : faults
    }

    /// The account of the workers; `nil` if it is not known.
    var account: Account? { (try? userDirective()).flatMap(account) }

    private func account(_ values: [String]) -> Account? {
        let group = values.count > 1 ? values[1] : values.isEmpty ? server.group : nil
        return Account(values.first ?? server.user, group: group)
    }

    /// The values of nginx's directive `user`; none if there is none.
    private func userDirective() throws(ConfigurationFault) -> [String] {
        let file = server.configurationFile
        let directives = try Configuration.directives(in: file, folder: file.folder)
        return directives.first { $0.name == "user" }?.values ?? []
    }

    private func store(_ account: Account) -> Finding? {
        guard case .unix(let path) = configuration.topology.endpoints[0] else { return nil }
        return PathRights(path).obstacle(to: .connecting, by: account).map { obstacle in
            .fault(
                "workers.store",
                "nginx workers cannot reach the store: \(account.name) \(obstacle)",
                "grant access (unixsocketperm 777, and x on each folder of the path; passwords keep "
                    + "others out: docs/ACCESS.md), or use redis://127.0.0.1:6379"
            )
        }
    }

    private func library(_ account: Account) -> Finding? {
        PathRights(libraryFile).obstacle(to: .reading, by: account).map { obstacle in
            .fault(
                "workers.library",
                "nginx workers cannot load the library: \(account.name) \(obstacle)",
                "chmod 0755 the library and each folder of its path, then reload nginx"
            )
        }
    }
}
