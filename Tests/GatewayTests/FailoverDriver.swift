import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// Drives a gatekeeper with sentinels, and servers that may become the primary. Whoever can be reached answers at once,
/// unless a test holds its answers back.
final class FailoverDriver: GatekeeperDriver {
    /// What a sentinel says.
    enum Word {
        case primary(Endpoint)
        case reply(String)

        fileprivate var text: String {
            switch self {
            case .primary(.tcp(let host, let port)): TestStore.texts([host, String(port)])
            case .primary(let endpoint): "-ERR no address of \(endpoint)\r\n"
            case .reply(let text): text
            }
        }

        fileprivate func report(epoch: UInt64, flags: String) -> String {
            guard case .primary(.tcp(let host, let port)) = self else { return text }
            return TestStore.texts([
                "name", "main", "ip", host, "port", String(port), "flags", flags,
                "config-epoch", String(epoch),
            ])
        }
    }

    struct Server {
        var store = TestStore()
        var isReachable = true

        var isPrimary = true {
            didSet {
                store.information = store.information?
                    .replacing(isPrimary ? "role:slave" : "role:master", with: role)
            }
        }

        /// Whether it refuses writes although it has not said that it is a replica.
        var refusesWrites = false

        fileprivate var role: String { isPrimary ? "role:master" : "role:slave" }

        fileprivate init(_ number: UInt16) {
            store.information =
                "redis_version:7.0.15\r\n\(role)\r\nmaster_replid:00\(number)\r\n"
        }

        fileprivate mutating func answer(_ command: [String], isSubscriber: Bool) -> String {
            let writes = ["HSET", "HINCRBY", "HSETNX", "ZADD", "RPUSH"]
            if refusesWrites, !isSubscriber, writes.contains(command[0]) {
                return "-READONLY You can't write against a read only replica.\r\n"
            }
            return store.answer([command], isSubscriber: isSubscriber)
        }
    }

    private struct Link {
        let endpoint: Endpoint
        var held: [UInt8] = []
    }

    static let first = Endpoint.tcp(host: "10.0.0.1", port: 6379)
    static let second = Endpoint.tcp(host: "10.0.0.2", port: 6379)
    static let firstSentinel: UInt32 = 2

    let gatekeeper: Gatekeeper
    let configuration: Configuration
    let keys: TestKeys
    var servers = [first: Server(1), second: Server(2)]
    var words: [Word]

    /// The version of each sentinel's configuration, and the flags of the primary in it.
    var epochs: [UInt64]
    var flags = "master"

    /// Sentinels that cannot be reached.
    var lost: Set<Int> = []

    /// Links whose replies wait.
    var heldLinks: Set<UInt32> = []

    /// Every endpoint that a link was opened to, in order.
    private(set) var opened: [Endpoint] = []

    /// What each sentinel was sent.
    private(set) var sentinelCommands: [[[String]]]
    var lines: [EventLog.Line] = []
    private var links: [UInt32: Link] = [:]
    var now = ClockReading.start

    init(_ directives: String = "", sentinels: Int = 3) throws {
        let hosts = (0..<sentinels).map { "s\($0):26379" }.joined(separator: ",")
        let installation = try DrivenInstallation(
            "latchkey_store sentinel://\(hosts)/main; \(directives)"
        )
        configuration = installation.configuration
        gatekeeper = installation.gatekeeper
        keys = installation.keys
        words = Array(repeating: .primary(Self.first), count: sentinels)
        epochs = Array(repeating: 7, count: sentinels)
        sentinelCommands = Array(repeating: [], count: sentinels)
    }

    /// A gatekeeper that holds its lease on the first server, and a key that it has cached.
    static func following(_ directives: String = "") throws -> (FailoverDriver, key: [UInt8]) {
        let driver = try FailoverDriver(directives)
        let key = driver.generate("acme", at: first)
        driver.pass(milliseconds: 600)
        #expect(driver.result(key) == .allowed)
        driver.lines = []
        return (driver, key)
    }
}

// MARK: - The world

extension FailoverDriver {
    func generate(_ name: String, at server: Endpoint) -> [UInt8] {
        keys.generate(name, in: &servers[server]!.store, at: now.unix)
    }

    func revoke(_ name: String, at server: Endpoint) {
        keys.revoke(name, in: &servers[server]!.store, at: now.unix)
    }

    /// The second server takes over the data of the first one, all but what was written since `copy`.
    func promote(from copy: TestStore? = nil) {
        let information = servers[Self.second]!.store.information
        servers[Self.second]!.store = copy ?? servers[Self.first]!.store
        servers[Self.second]!.store.information = information
    }

    /// All sentinels name a server from now on.
    func name(_ server: Endpoint) {
        words = words.map { _ in .primary(server) }
    }

    func cutOff(_ server: Endpoint) {
        servers[server]!.isReachable = false
        for (number, link) in links where link.endpoint == server { lose(number) }
        run()
    }

    func cutOff(sentinel: Int) {
        lost.insert(sentinel)
        lose(Self.firstSentinel + UInt32(sentinel))
        run()
    }

    private func lose(_ number: UInt32) {
        guard links.removeValue(forKey: number) != nil else { return }
        gatekeeper.linkClosed(number, at: now)
    }

    func open(_ number: UInt32) {
        let endpoint = gatekeeper.endpoint(link: number)!
        opened.append(endpoint)
        let isReachable =
            number < Self.firstSentinel
            ? servers[endpoint]?.isReachable ?? false
            : !lost.contains(Int(number - Self.firstSentinel))
        guard isReachable else {
            return gatekeeper.linkClosed(number, .unreachable, at: now)
        }
        links[number] = Link(endpoint: endpoint)
        if number == 0 { servers[endpoint]!.store.endTransaction() }
        gatekeeper.linkOpened(number, at: now)
    }

    func close(_ number: UInt32) { links[number] = nil }

    func write(_ number: UInt32, _ output: [UInt8]) {
        guard let endpoint = links[number]?.endpoint else { return }
        for command in TestStore.commands(in: output) {
            let answer = answer(command, number, endpoint)
            links[number]?.held += Array(answer.utf8)
        }
        if !heldLinks.contains(number) { deliver(number) }
    }

    private func answer(_ command: [String], _ number: UInt32, _ endpoint: Endpoint) -> String {
        guard number >= Self.firstSentinel else {
            return servers[endpoint]!.answer(command, isSubscriber: number == 1)
        }
        let sentinel = Int(number - Self.firstSentinel)
        sentinelCommands[sentinel].append(command)
        switch command {
        case ["PING"]: return "+PONG\r\n"
        case ["AUTH", "sentinel", "hunter2"]: return "+OK\r\n"
        case ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"]:
            return words[sentinel].text
        case ["SENTINEL", "MASTER", "main"]:
            return words[sentinel].report(epoch: epochs[sentinel], flags: flags)
        default:
            Issue.record("a sentinel is sent \(command)")
            return "-ERR unknown command\r\n"
        }
    }

    private func deliver(_ number: UInt32) {
        guard let bytes = links[number]?.held, !bytes.isEmpty else { return }
        links[number]!.held = []
        bytes.withUnsafeBytes { gatekeeper.linkReceived(number, $0, at: now) }
    }

    /// Delivers the replies that were held back on a link.
    func release(_ number: UInt32) {
        heldLinks.remove(number)
        deliver(number)
        run()
    }

    /// Sends an invalidation of a record on the invalidation link.
    func sendInvalidation(_ name: String) {
        let key = "latchkey:record:{\(Organization(name)!.locator)}"
        sendInvalidation(of: TestStore.texts([key]))
    }

    /// Sends what a server sends that has loaded the data of another.
    func sendInvalidationOfAll() {
        sendInvalidation(of: "*-1\r\n")
    }

    private func sendInvalidation(of keys: String) {
        let message = TestStore.message("__redis__:invalidate", keys)
        Array(message.utf8).withUnsafeBytes { gatekeeper.linkReceived(1, $0, at: now) }
    }
}

// MARK: - Checks

extension FailoverDriver {
    /// Begins a check.
    func begin(_ key: [UInt8], request: UInt) -> Decision? {
        guard case .decided(let decision) = gatekeeper.check(key.span, request: request, at: now)
        else { return nil }
        return decision
    }

    func answers() -> [UInt: Decision.Result] {
        var results: [UInt: Decision.Result] = [:]
        while let answer = gatekeeper.nextDecision() {
            results[answer.request] = answer.decision.result
        }
        return results
    }
}
