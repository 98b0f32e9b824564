import Administration
import CLinux
import ConsoleCore
import Glibc
import Hummingbird
import HummingbirdCore
import Keyring
import Logging
import RedisClient

/// The program.
@main
enum LatchkeyConsole {
    /// Connections that are open at the same time, the proxy's idle ones included.
    private static let connectionsMax = 256

    static func main() async {
        harden()
        do throws(AdministrationError) {
            switch try Command(Array(CommandLine.arguments.dropFirst())) {
            case .version: print("latchkey-console \(Release.version)")
            case .help: print(Command.usage, terminator: "")
            case .check(let file): try await check(file)
            case .serve(let file): try await serve(file)
            }
        } catch {
            fail(error)
        }
    }

    private static func check(_ file: String) async throws(AdministrationError) {
        let installation = try await Installation(file: file)
        try installation.checkSecrets()
        try installation.checkFolder()
        print("\(file) is correct")
    }

    private static func serve(_ file: String) async throws(AdministrationError) {
        let installation = try await Installation(file: file)
        try installation.checkSecrets()
        try installation.checkFolder()
        let pools = BlockingPools()
        let listener = installation.settings.listener
        // The proxy's group may connect: the folder of the socket gives it that group.
        umask(0o117)
        let logger = Logger(label: "latchkey-console") { _ in Journal() }
        let application = Application(
            responder: ConsoleResponder(installation, pools),
            server: .http1(
                configuration: .init(
                    idleTimeout: .seconds(75),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 8192,
                        maxHeaderListSize: 16_384,
                        maxHeaderFieldCount: 100
                    )
                )
            ),
            configuration: ApplicationConfiguration(
                address: listener.address,
                availableConnectionsDelegate: .maximum(connectionsMax, logger: logger)
            ),
            onServerRunning: { _ in
                Journal.say("listening on \(listener)", .info)
            },
            logger: logger
        )
        do {
            try await application.runService()
            try await pools.stop()
        } catch {
            throw AdministrationError(.configuration, "\(listener): \(error)")
        }
        if case .unix(let path) = listener { unlink(path) }
    }

    /// Keeps keys out of core dumps, of other processes, and of memory that is free.
    private static func harden() {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        _ = linux_forbid_dumps()
        _ = linux_overwrite_freed_memory()
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)
    }

    private static func fail(_ error: AdministrationError) -> Never {
        Journal.write("latchkey-console: \(error.message)\n")
        exit(error.kind.rawValue)
    }
}

extension Endpoint {
    /// The address to bind.
    fileprivate var address: BindAddress {
        switch self {
        case .unix(let path): .unixDomainSocket(path: path)
        case .tcp(let host, let port): .hostname(host, port: Int(port))
        }
    }
}
