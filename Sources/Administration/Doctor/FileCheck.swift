import Glibc
import KeyFormat
import Keyring

/// Checks the files and the accounts that the configuration names.
struct FileCheck {
    private let configuration: Configuration

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    var findings: [Finding] { [pepper, folder] + credentials + [operators] + delegates }

    private var pepper: Finding {
        do throws(SecretFault) {
            let count = try Secrets.peppers(configuration).peppers.count
            let name = configuration.pepperFile
            return .ok(
                "pepper",
                "\(name) holds \(Counted(count, "pepper"))\(age(name))"
            )
        } catch {
            return .fault("pepper", error.message, remedy(error))
        }
    }

    /// How long ago the file was rotated, created or otherwise written.
    private func age(_ file: String) -> String {
        var status = stat()
        guard stat(file, &status) == 0 else { return "" }
        let seconds = SystemClock.unixTime().milliseconds / 1000 - Int64(status.st_mtim.tv_sec)
        let days = max(0, seconds / 86_400)
        return days == 0
            ? ", written today" : ", written \(Counted(days, "day")) ago"
    }

    private func remedy(_ fault: SecretFault) -> String {
        let file = configuration.pepperFile
        if fault.isForeign {
            return "run latchkey doctor as root, or as an account that may read \(file)"
        }
        return fault.isLost
            ? "restore it from a backup; without one, see \"When the pepper is lost\": docs/EXECUTABLE.md"
            : "chmod 0600 \(file), or 0640 with a group of operators"
    }

    /// An account that can write to the pepper's folder can replace the pepper.
    private var folder: Finding {
        let path = configuration.pepperFile.folder
        var status = stat()
        guard stat(path, &status) == 0 else {
            return .fault(
                "pepper.folder",
                "\(path) cannot be examined",
                "create it, or run as root"
            )
        }
        let isOpen = status.st_mode & S_IWOTH != 0 && status.st_mode & S_ISVTX == 0
        return isOpen
            ? .fault(
                "pepper.folder",
                "every account can write to \(path) and replace the pepper",
                "chmod o-w \(path)"
            )
            : .ok("pepper.folder", "\(path) is not writable by every account")
    }

    private var credentials: [Finding] {
        let files = [
            ("admin", configuration.adminCredentialsFile),
            ("gateway", configuration.gatewayCredentialsFile),
            ("sentinel", configuration.sentinelCredentialsFile),
        ]
        return files.compactMap { user, file in file.map { credentials(user, $0) } }
    }

    private func credentials(_ user: String, _ file: String) -> Finding {
        let check = "credentials.\(user)"
        do throws(SecretFault) {
            _ = try Secrets.credentials(file: file)
            return .ok(check, "\(file) holds a user and a password")
        } catch {
            return .fault(
                check,
                error.message,
                error.isForeign
                    ? "run latchkey doctor as root" : "one line: USER PASSWORD, mode 0600"
            )
        }
    }

    /// A name without an account today may get one tomorrow.
    private var operators: Finding {
        accounts(
            configuration.operators,
            "operators",
            "accounts that may act for others and manage organizations"
        )
    }

    private var delegates: [Finding] {
        guard !configuration.delegates.isEmpty else { return [] }
        return [
            accounts(
                configuration.delegates,
                "delegates",
                "accounts that may manage keys for others"
            )
        ]
    }

    private func accounts(_ names: Set<String>, _ check: String, _ meaning: String) -> Finding {
        let unknown = names.filter { getpwnam($0) == nil }.sorted()
        guard unknown.isEmpty else {
            return .fault(
                check,
                "latchkey_\(check) names accounts that do not exist here: "
                    + unknown.joined(separator: ", "),
                "remove them: an account created under such a name could act for every owner"
            )
        }
        return .ok(check, "\(meaning): \(names.sorted().joined(separator: ", "))")
    }
}
