import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// Drives a gatekeeper with a cluster of servers, each with its own view of who holds which slots. Whoever can be
/// reached answers at once, unless a test holds its answers back.
final class ClusterDriver: GatekeeperDriver {
    struct Server {
        var store = TestStore()
        var isReachable = true

        /// Whether it says that the cluster is down.
        var isDown = false
        /// The commands that the gateway has no permission for.
        var denied: Set<String> = []
        /// Who holds each slot, as it thinks; `nil` for nobody.
        var owners: [Endpoint?]
        /// The number of the one replica that it has, as all think.
        var replica: Int?
        /// What it answers instead of saying who holds a record.
        var insteadOfMoved: String?
        /// Slots that it is giving away.
        var migrating: [Int: Endpoint] = [:]
        let id: String

        fileprivate init(_ number: Int, _ owners: [Endpoint?]) {
            self.owners = owners
            id = String(repeating: String(number), count: 40)
        }
    }

    private struct Link {
        let endpoint: Endpoint
        var isSubscriber = false
        var isAsking = false
        var held: [UInt8] = []
    }

    static func endpoint(_ number: Int) -> Endpoint {
        .tcp(host: "10.0.0.\(number)", port: 7000)
    }

    static let seed = Endpoint.tcp(host: "seed", port: 6379)

    let gatekeeper: Gatekeeper
    let keys: TestKeys
    var servers: [Endpoint: Server] = [:]

    /// Servers whose replies wait.
    var held: Set<Endpoint> = []

    /// The commands that each server was sent on connections without subscription.
    private(set) var commands: [Endpoint: [[String]]] = [:]

    /// Every endpoint that a link was opened to, in order.
    private(set) var opened: [Endpoint] = []
    var lines: [EventLog.Line] = []
    private var links: [UInt32: Link] = [:]
    var now = ClockReading.start

    /// Servers 1 to `count` share the slots evenly, in order; more are there and hold none.
    init(_ directives: String = "", primaries count: Int = 3) throws {
        let installation = try DrivenInstallation(
            "latchkey_store cluster://seed,10.0.0.1:7000; \(directives)"
        )
        gatekeeper = installation.gatekeeper
        keys = installation.keys
        let owners: [Endpoint?] = (0..<Slot.count).map {
            Self.endpoint(1 + $0 * count / Slot.count)
        }
        for number in 1...9 {
            servers[Self.endpoint(number)] = Server(number, owners)
            servers[Self.endpoint(number)]!.store.information =
                "redis_version:7.0.15\r\nrole:master\r\nmaster_replid:00\(number)\r\n"
        }
    }

    /// A gatekeeper that holds its leases on all servers.
    static func settled(_ directives: String = "", primaries count: Int = 3) throws -> ClusterDriver
    {
        let driver = try ClusterDriver(directives, primaries: count)
        driver.pass(milliseconds: 700)
        driver.lines = []
        return driver
    }
}

// MARK: - The world

extension ClusterDriver {
    /// An organization whose record belongs to a server, by the first server's view.
    func organization(at number: Int, _ index: Int = 0) -> String {
        let owners = servers[Self.endpoint(1)]!.owners
        let names = (0..<1000).lazy.map { "org-\($0)" }.filter { name in
            owners[Slot(of: Organization(name)!.locator).number] == Self.endpoint(number)
        }
        return names.dropFirst(index).first!
    }

    /// The key of a barrier about an organization.
    static func barrier(_ name: String) -> String {
        let id = String(repeating: "0", count: 32)
        return "latchkey:record:{\(Organization(name)!.locator)}:\(id)"
    }

    func slot(of name: String) -> Int { Slot(of: Organization(name)!.locator).number }

    func generate(_ name: String, at number: Int) -> [UInt8] {
        keys.generate(name, in: &servers[Self.endpoint(number)]!.store, at: now.unix)
    }

    func revoke(_ name: String, at number: Int) {
        keys.revoke(name, in: &servers[Self.endpoint(number)]!.store, at: now.unix)
    }

    /// All servers, or some, think that another one holds slots.
    func assign(_ slots: [Int], to number: Int, inViewOf viewers: [Int] = Array(1...9)) {
        for viewer in viewers {
            for slot in slots {
                servers[Self.endpoint(viewer)]!.owners[slot] = Self.endpoint(number)
            }
        }
    }

    func slots(of number: Int) -> [Int] {
        servers[Self.endpoint(1)]!.owners.indices.filter {
            servers[Self.endpoint(1)]!.owners[$0] == Self.endpoint(number)
        }
    }

    /// One server takes over another one's data.
    func copy(from source: Int, to target: Int) {
        let information = servers[Self.endpoint(target)]!.store.information
        servers[Self.endpoint(target)]!.store = servers[Self.endpoint(source)]!.store
        servers[Self.endpoint(target)]!.store.information = information
    }

    /// Connections to a server end, and none is made any more.
    func cutOff(_ number: Int) {
        servers[Self.endpoint(number)]!.isReachable = false
        for (link, _) in links where links[link]?.endpoint == Self.endpoint(number) {
            links[link] = nil
            gatekeeper.linkClosed(link, at: now)
        }
        run()
    }

    /// Connections to a server end, and are made anew.
    func reconnect(_ number: Int) {
        cutOff(number)
        servers[Self.endpoint(number)]!.isReachable = true
    }

    func open(_ number: UInt32) {
        let endpoint = gatekeeper.endpoint(link: number)!
        opened.append(endpoint)
        guard servers[endpoint]?.isReachable == true else {
            return gatekeeper.linkClosed(number, .unreachable, at: now)
        }
        links[number] = Link(endpoint: endpoint)
        gatekeeper.linkOpened(number, at: now)
    }

    func close(_ number: UInt32) { links[number] = nil }

    func write(_ number: UInt32, _ output: [UInt8]) {
        guard let endpoint = links[number]?.endpoint else { return }
        for command in TestStore.commands(in: output) {
            let answer = answer(command, number, endpoint)
            links[number]?.held += Array(answer.utf8)
        }
        if !held.contains(endpoint) { deliver(number) }
    }

    private func answer(_ command: [String], _ number: UInt32, _ endpoint: Endpoint) -> String {
        if command[0] == "CLIENT" || command[0] == "SUBSCRIBE" {
            links[number]!.isSubscriber = true
        }
        if links[number]!.isSubscriber {
            return servers[endpoint]!.store.answer([command], isSubscriber: true)
        }
        commands[endpoint, default: []].append(command)
        let isAsking = links[number]!.isAsking
        links[number]!.isAsking = false
        if servers[endpoint]!.denied.contains(command[0]) {
            let transaction = "EXECABORT Transaction discarded because of: "
            return "-\(command[0] == "EXEC" ? transaction : "")NOPERM no permission\r\n"
        }
        switch command[0] {
        case "ASKING":
            links[number]!.isAsking = true
            return "+OK\r\n"
        case "CLUSTER": return map(endpoint)
        default: break
        }
        if let reply = servers[endpoint]!.insteadOfMoved, command[0] == "HMGET",
            servers[endpoint]!.owners[Slot(ofKey: Array(command[1].utf8)).number] != endpoint
        {
            return reply
        }
        if let refusal = refusal(command, endpoint, isAsking: isAsking) {
            return "-\(refusal)\r\n"
        }
        return servers[endpoint]!.store.answer([command])
    }

    private func refusal(_ command: [String], _ endpoint: Endpoint, isAsking: Bool) -> String? {
        let keyed = [
            "HMGET", "HGET", "HSET", "HSETNX", "HINCRBY", "HDEL", "ZADD", "ZINCRBY", "RPUSH",
            "EXPIRE",
        ]
        let server = servers[endpoint]!
        guard keyed.contains(command[0]) else { return nil }
        if server.isDown { return "CLUSTERDOWN The cluster is down" }
        let slot = Slot(ofKey: Array(command[1].utf8)).number
        guard case .tcp(let host, let port)? = server.owners[slot] else {
            return "CLUSTERDOWN Hash slot not served"
        }
        if server.owners[slot] != endpoint {
            return isAsking ? nil : "MOVED \(slot) \(host):\(port)"
        }
        if case .tcp(let host, let port)? = server.migrating[slot],
            server.store.hashes[command[1]] == nil
        {
            return "ASK \(slot) \(host):\(port)"
        }
        return nil
    }

    /// What a server answers to CLUSTER SLOTS.
    private func map(_ endpoint: Endpoint) -> String {
        let owners = servers[endpoint]!.owners
        var ranges: [String] = []
        var first = 0
        for slot in owners.indices
        where slot + 1 == owners.count || owners[slot + 1] != owners[slot] {
            defer { first = slot + 1 }
            guard let owner = owners[slot], let server = servers[owner] else { continue }
            let named = [owner] + (server.replica.map { [Self.endpoint($0)] } ?? [])
            let nodes = named.map(node).joined()
            ranges.append("*\(2 + named.count)\r\n:\(first)\r\n:\(slot)\r\n" + nodes)
        }
        return "*\(ranges.count)\r\n" + ranges.joined()
    }

    private func node(_ endpoint: Endpoint) -> String {
        guard case .tcp(let host, let port) = endpoint, let id = servers[endpoint]?.id
        else { return "" }
        return "*4\r\n\(TestStore.bulk(host)):\(port)\r\n\(TestStore.bulk(id))*0\r\n"
    }

    private func deliver(_ number: UInt32) {
        guard let bytes = links[number]?.held, !bytes.isEmpty else { return }
        links[number]!.held = []
        bytes.withUnsafeBytes { gatekeeper.linkReceived(number, $0, at: now) }
    }

    /// Delivers the replies of a server that were held back.
    func release(_ number: Int) {
        held.remove(Self.endpoint(number))
        deliverHeld(number)
        run()
    }

    /// Delivers the replies of a server so far, or those on one kind of links. Nothing is done about them yet.
    func deliverHeld(_ number: Int, invalidations: Bool? = nil) {
        for link in links.keys.sorted() where links[link]?.endpoint == Self.endpoint(number) {
            if links[link]!.isSubscriber == invalidations ?? links[link]!.isSubscriber {
                deliver(link)
            }
        }
    }

    /// Whether a primary is known to send invalidations.
    func isTracking(_ number: Int) -> Bool {
        let place = gatekeeper.cluster.seats.place(of: Self.endpoint(number))
        return place.map { gatekeeper.nodes[$0].lease.isTracking } ?? false
    }

    /// A server sends the invalidation of keys.
    func sendInvalidation(of keys: [String], from number: Int) {
        send(TestStore.texts(keys), from: number)
    }

    /// A server tells that all keys may have changed.
    func sendInvalidationOfAll(from number: Int) { send("*-1\r\n", from: number) }

    private func send(_ keys: String, from number: Int) {
        let message = Array(TestStore.message("__redis__:invalidate", keys).utf8)
        for (link, state) in links
        where state.isSubscriber && state.endpoint == Self.endpoint(number) {
            message.withUnsafeBytes { gatekeeper.linkReceived(link, $0, at: now) }
        }
        run()
    }

    /// Forgets which commands were sent.
    func clearCommands() { commands = [:] }
}
