import Glibc
import Keyring
import RedisClient

/// Whether the console can serve owners, and nobody else can take its place or the proxy's.
///
/// There are no findings where it has no configuration.
struct ConsoleCheck {
    private let file: String
    private let isNamed: Bool
    private let workers: Account?

    /// - Parameters:
    ///   - file: The console's configuration; `nil` for the usual one.
    ///   - workers: The account of nginx's workers, if that is known.
    init(file: String?, workers: Account?) {
        self.file = file ?? ConsoleAddress.standardFile
        isNamed = file != nil
        self.workers = workers
    }

    var findings: [Finding] {
        guard isNamed || access(file, F_OK) == 0 else { return [] }
        do throws(AdministrationError) {
            let directives = try Configuration.directives(file: file)
            let shared = directives.filter { !$0.isForConsole }
            let configuration = try Configuration(shared, file: file)
            let console = ConsoleInstallation(
                file: file,
                directives: directives.filter(\.isForConsole),
                configuration: configuration
            )
            return ConsoleProgramCheck(file: file).findings + findings(console)
        } catch {
            return [.fault("console.settings", error.message, "correct it: docs/CONSOLE.md")]
        }
    }

    private func findings(_ console: ConsoleInstallation) -> [Finding] {
        let socket = ConsoleSocketCheck(console, workers: workers)
        return [account(console)] + secrets(console) + socket.findings
    }

    /// The account must act for owners, and should do nothing else.
    private func account(_ console: ConsoleInstallation) -> Finding {
        guard let name = console.account else {
            return .note(
                "console.account",
                "which account runs the console is not known: there is no socket, and "
                    + "latchkey_delegates does not name exactly one account",
                "start it, and examine again"
            )
        }
        if console.configuration.operators.contains(name) {
            return .fault(
                "console.account",
                "the console runs as \(name), which also adds, transfers, removes and exports organizations",
                "run it as an account of its own, in latchkey_delegates and not in latchkey_operators"
            )
        }
        guard console.configuration.delegates.contains(name) else {
            return .fault(
                "console.account",
                "the console runs as \(name), which may not act for owners",
                "latchkey_delegates \(name);"
            )
        }
        return .ok("console.account", "\(name) may manage keys for owners, and nothing else")
    }

    /// What the account must be able to read.
    private func secrets(_ console: ConsoleInstallation) -> [Finding] {
        guard let account = console.account.flatMap({ Account($0) }) else { return [] }
        guard account.act({ true }) == true else {
            return [
                .note(
                    "console.files",
                    "what the console can read as \(account.name) cannot be checked",
                    "run latchkey doctor as root"
                )
            ]
        }
        let faults = console.files.compactMap { file in
            PathRights(file).obstacle(to: .reading, by: account).map { obstacle in
                Finding.fault(
                    "console.files",
                    "the console cannot read what it needs: \(account.name) \(obstacle)",
                    "chgrp latchkey and chmod 0640 the file, with \(account.name) in that group"
                )
            }
        }
        return faults.isEmpty
            ? [.ok("console.files", "\(account.name) can read what the console needs")] : faults
    }
}

/// The part of the console's configuration that concerns its surroundings.
struct ConsoleInstallation {
    let configuration: Configuration

    /// Where it listens.
    let endpoint: Endpoint

    /// The account that runs it: the owner of its socket, and without one the only delegate.
    let account: String?

    /// Whether a header says who asks.
    let believesHeader: Bool

    /// The files that it reads.
    let files: [String]

    init(file: String, directives: [Directive], configuration: Configuration) {
        self.configuration = configuration
        let values = { (name: String) in directives.first { $0.name == name }?.values ?? [] }
        endpoint =
            values("latchkey_console_listen").first.flatMap(ConsoleAddress.endpoint)
            ?? ConsoleAddress.standard
        let identity = values("latchkey_console_identity")
        believesHeader = identity.first != "token"
        account = Self.account(endpoint, configuration)
        let tls = configuration.tls
        let names: [String?] = [
            file, configuration.pepperFile, configuration.adminCredentialsFile,
            configuration.sentinelCredentialsFile, tls?.caFile, tls?.certificateFile, tls?.keyFile,
            believesHeader ? nil : identity.dropFirst().first,
        ]
        files = names.compactMap { $0 }
    }

    private static func account(_ endpoint: Endpoint, _ configuration: Configuration) -> String? {
        var status = stat()
        if case .unix(let path) = endpoint, stat(path, &status) == 0,
            let entry = getpwuid(status.st_uid)
        {
            return String(cString: entry.pointee.pw_name)
        }
        return configuration.delegates.count == 1 ? configuration.delegates.first : nil
    }
}
