import Gateway
import KeyFormat
import Keyring
import RedisClient
import TestSupport

/// A gatekeeper that receives arbitrary bytes and loses connections at any moment: a key that was never
/// issued is never allowed, no request is decided twice, and nothing traps.
struct GatewayFuzz: FuzzTarget {
    private let gatekeeper: Gatekeeper
    private let seal: RecordSeal
    private let keys: [[UInt8]]
    private let verifiers: [Verifier]
    private let acme = Organization("acme")!
    private let mutations = Mutations(words: [
        "\r\n", "*3\r\n", "*-1\r\n", "$-1\r\n", "+OK\r\n", "+PONG\r\n", ":1\r\n", ":0\r\n",
        "-ERR x\r\n", "$7\r\nmessage\r\n", "$4\r\npong\r\n", "$20\r\n__redis__:invalidate\r\n",
        "*1\r\n", "*2\r\n", "1", "-",
    ])

    private var now = ClockReading(
        monotonic: MonotonicTime(nanoseconds: 1_000_000_000),
        unix: UnixTime(milliseconds: 1_790_000_000_000)
    )
    private let sentinelCount: Int
    private var cluster: FuzzedCluster?
    private let linkCount: Int
    private var incoming: [[UInt8]]
    private var isOpen: [Bool]
    /// What each sentinel answers, and what the servers say of themselves.
    private var words: [[UInt8]]
    private var role = "master"
    private var record: KeyRecord
    private var fields: [[UInt8]?]
    /// The entry in the membership list, and the commands since MULTI.
    private var entry: String?
    private var transaction: [[String]]?
    private var lastRequest: UInt = 0
    private var waiting: [UInt: (ticket: UInt64, key: [UInt8])] = [:]
    private var streams: [UInt: UInt64] = [:]
    private var known = 0
    private var read = 0
    private var refused = 0
    private var unavailable = 0
    private var ended = 0
    private var losses = 0
    private var moves = 0
    private var server: Endpoint?

    /// - Parameters:
    ///   - sentinelCount: How many sentinels name the store; 0 for a store whose address is known.
    ///   - isCluster: Whether the store is a cluster.
    init(sentinelCount: Int = 0, isCluster: Bool = false) throws {
        self.sentinelCount = sentinelCount
        cluster = isCluster ? FuzzedCluster() : nil
        linkCount = isCluster ? FuzzedCluster.linkCount : 2 + sentinelCount
        incoming = Array(repeating: [], count: linkCount)
        isOpen = Array(repeating: false, count: linkCount)
        words = Array(repeating: Self.address("10.0.0.1", "6379"), count: sentinelCount)
        let hosts = (0..<sentinelCount).map { "s\($0)" }.joined(separator: ",")
        let sentinels = sentinelCount == 0 ? "" : "latchkey_store sentinel://\(hosts)/m;"
        let store = isCluster ? "latchkey_store \(FuzzedCluster.url);" : sentinels

        var random = SplitMix64(seed: 3)
        let pepper = hexadecimal(random.bytes(count: 32))
        let configuration = try Configuration(
            ConfigurationFile.directives(
                in: Array("latchkey_timeout 200ms; latchkey_cache_size 2; \(store)".utf8)
            )
        )
        let packed = [0, UInt8(pepper.count)] + pepper
        gatekeeper = Gatekeeper(
            configuration,
            secrets: try GatewaySecrets(
                packed: SecretBytes(copying: packed.span),
                configuration
            ),
            identity: .init(number: 1, host: "fuzz", processID: 1)
        )
        let ring = try PepperRing(contents: SecretBytes(copying: pepper.span))
        var issued: [[UInt8]] = []
        var verifiers: [Verifier] = []
        for _ in 0..<2 {
            let minted = KeyMint(prefix: .standard, pepper: ring.current).mint(for: acme.locator)
            issued.append(minted.text.withSpan { text in text.indices.map { text[$0] } })
            verifiers.append(minted.verifier)
        }
        keys = issued
        self.verifiers = verifiers
        seal = RecordSeal(peppers: ring)
        record = KeyRecord(organization: acme, owner: Principal("alice")!)
        fields = storedFields(record, seal)
    }

    var outcomes: [Int] {
        [known, read, refused, unavailable, ended, losses] + (sentinelCount == 0 ? [] : [moves])
            + (cluster?.outcomes ?? [])
    }

    var tally: String {
        "\(known) known, \(read) read, \(refused) refused, \(unavailable) unavailable, "
            + "\(ended) streams ended, \(losses) links lost, \(moves) servers followed"
    }

    mutating func run(_ random: inout SplitMix64) throws {
        switch random.below(100) {
        case 0..<30: try check(&random)
        case 30..<55: carryOut(&random)
        case 55..<80: deliver(&random)
        case 80..<86: invalidate(&random)
        case 86..<96: pass(milliseconds: UInt64(random.below(80)))
        case 96: lose(openLink(&random))
        case 97: closeStream(&random)
        case 98: cancel(&random)
        default:
            change(&random)
            if sentinelCount > 0 { changeServers(&random) }
            cluster?.change(&random)
        }
        try takeDecisions()
        try takeEnded()
    }
}

// MARK: - The proxy

extension GatewayFuzz {
    private mutating func check(_ random: inout SplitMix64) throws {
        var key = random.element(keys)
        if random.once(in: 4) { mutations.apply(to: &key, &random) }
        lastRequest += 1
        switch gatekeeper.check(key.span, request: lastRequest, at: now) {
        case .decided(let decision): try take(lastRequest, key, decision)
        case .waiting(let ticket): waiting[lastRequest] = (ticket, key)
        }
    }

    private mutating func cancel(_ random: inout SplitMix64) {
        gatekeeper.cancel(ticket: random.next())
        guard let (request, check) = waiting.first else { return }
        gatekeeper.cancel(ticket: check.ticket)
        waiting[request] = nil
    }

    private mutating func takeDecisions() throws {
        while let answer = gatekeeper.nextDecision() {
            guard let check = waiting.removeValue(forKey: answer.request) else {
                throw Violation("a request is decided twice or was never pending", [])
            }
            try take(answer.request, check.key, answer.decision)
        }
    }

    private mutating func take(_ request: UInt, _ key: [UInt8], _ decision: Decision) throws {
        switch decision.result {
        case .allowed:
            guard keys.contains(key), decision.organization == acme else {
                throw Violation("a key that was never issued is allowed", key)
            }
            if decision.source == .store { read += 1 } else { known += 1 }
            openStream(request, decision)
        case .unavailable: unavailable += 1
        default: refused += 1
        }
    }

    private mutating func openStream(_ request: UInt, _ decision: Decision) {
        guard streams.count < 64, let locator = decision.locator, let key = decision.streamKey
        else { return }
        streams[request] = gatekeeper.openStream(request, locator, key)
    }

    private mutating func closeStream(_ random: inout SplitMix64) {
        gatekeeper.closeStream(random.next())
        guard let (request, stream) = streams.first else { return }
        gatekeeper.closeStream(stream)
        streams[request] = nil
    }

    private mutating func takeEnded() throws {
        while let request = gatekeeper.nextEndedStream() {
            guard streams.removeValue(forKey: request) != nil else {
                throw Violation("a request that is not open is ended", [])
            }
            ended += 1
        }
        while gatekeeper.nextLogLine() != nil {}
    }

    private mutating func pass(milliseconds: UInt64) {
        now = ClockReading(
            monotonic: now.monotonic.advanced(byMilliseconds: milliseconds),
            unix: now.unix.advanced(byMilliseconds: milliseconds)
        )
        _ = gatekeeper.tick(now)
    }
}

// MARK: - The store and the connections to it

extension GatewayFuzz {
    private mutating func carryOut(_ random: inout SplitMix64) {
        _ = gatekeeper.tick(now)
        for _ in 0..<16 {
            guard let (number, order) = gatekeeper.nextOrder(now) else { return }
            let link = Int(number)
            switch order {
            case .open where random.once(in: 10): gatekeeper.linkClosed(number, at: now)
            case .open:
                isOpen[link] = true
                if link == 0 || cluster != nil {
                    transaction = nil
                    follow(gatekeeper.endpoint(link: number))
                }
                gatekeeper.linkOpened(number, at: now)
            case .close: forget(link)
            case .write: answer(link)
            }
        }
    }

    private mutating func answer(_ link: Int) {
        var output: [UInt8] = []
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            while case let count = gatekeeper.drainOutput(link: UInt32(link), into: buffer),
                count > 0
            {
                output += buffer[..<count]
            }
        }
        for command in Self.commands(output) {
            incoming[link] += reply(on: link, to: command)
        }
    }

    private mutating func reply(on link: Int, to command: [String]) -> [UInt8] {
        if cluster != nil {
            let server = gatekeeper.endpoint(link: UInt32(link))
            if let refusal = cluster?.reply(of: server, to: command) { return refusal }
            return reply(to: command)
        }
        return link < 2 ? reply(to: command) : word(of: link - 2, command)
    }

    /// A link that is open, where there is one.
    private func openLink(_ random: inout SplitMix64) -> Int {
        let open = isOpen.indices.filter { isOpen[$0] }
        return open.isEmpty ? 0 : random.element(open)
    }

    private func word(of sentinel: Int, _ command: [String]) -> [UInt8] {
        switch command.prefix(2) {
        case ["PING"]: return Array("+PONG\r\n".utf8)
        case ["SENTINEL", "MASTER"]:
            let report = ["ip", "10.0.0.1", "port", "6379", "config-epoch", "1", "flags", role]
            return Self.keys(report)
        default: return words[sentinel]
        }
    }

    private mutating func follow(_ endpoint: Endpoint?) {
        if let server, server != endpoint { moves += 1 }
        server = endpoint
    }

    /// Sentinels change their minds, and servers their roles.
    private mutating func changeServers(_ random: inout SplitMix64) {
        let word = random.element([
            Self.address("10.0.0.1", "6379"), Self.address("10.0.0.2", "6379"),
            Self.address("::1", "1"), Self.address("redis.example", "6379"),
            Self.address("10.0.0.1", "99999"), Array("*-1\r\n".utf8), Array("-ERR x\r\n".utf8),
        ])
        if random.once(in: 3) {
            words = words.map { _ in word }
        } else {
            words[random.below(sentinelCount)] = word
        }
        role = random.once(in: 8) ? "slave" : "master"
        if random.once(in: 8) { entry = nil }
    }

    private mutating func reply(to words: [String]) -> [UInt8] {
        switch words[0] {
        case "MULTI":
            transaction = []
            return Array("+OK\r\n".utf8)
        case "EXEC":
            let replies = (transaction ?? []).map { replyOutside($0) }
            transaction = nil
            return Array("*\(replies.count)\r\n".utf8) + replies.joined()
        default:
            guard transaction != nil else { return replyOutside(words) }
            transaction?.append(words)
            return Array("+QUEUED\r\n".utf8)
        }
    }

    private mutating func replyOutside(_ words: [String]) -> [UInt8] {
        switch words[0] {
        case "HSET" where role == "slave" && sentinelCount > 0:
            return Array("-READONLY x\r\n".utf8)
        case "HSET" where words[1] == "latchkey:{gateways}":
            entry = words[3]
            return Array(":1\r\n".utf8)
        case "HDEL":
            entry = nil
            return Array(":1\r\n".utf8)
        default: return replyToReading(words)
        }
    }

    private func replyToReading(_ words: [String]) -> [UInt8] {
        switch words[0] {
        case "HGET" where words[2] == "generation": Self.bulk("g1")
        case "HGET": entry.map { Self.bulk($0) } ?? Array("$-1\r\n".utf8)
        case "INFO":
            Self.bulk("redis_version:7.0.15\r\nrole:\(role)\r\nmaster_replid:\(words[1])\r\n")
        case "PING" where words.count == 2: Array("*2\r\n$4\r\npong\r\n".utf8) + Self.bulk(words[1])
        case "PING": Array("+PONG\r\n".utf8)
        case "CLIENT": Array((words[1] == "ID" ? ":7\r\n" : "+OK\r\n").utf8)
        case "SUBSCRIBE":
            Array("*3\r\n$9\r\nsubscribe\r\n".utf8) + Self.bulk(words[1]) + Array(":1\r\n".utf8)
        case "HMGET":
            Array("*\(fields.count)\r\n".utf8)
                + fields.flatMap { $0.map { Self.bulk($0) } ?? Array("$-1\r\n".utf8) }
        default: Array(":0\r\n".utf8)
        }
    }

    private mutating func deliver(_ random: inout SplitMix64) {
        let link = openLink(&random)
        guard isOpen[link], !incoming[link].isEmpty else { return }
        if random.once(in: 60) { mutations.apply(to: &incoming[link], &random) }
        let count = min(incoming[link].count, 1 + random.below(4000))
        let bytes = Array(incoming[link].prefix(count))
        incoming[link].removeFirst(count)
        bytes.withUnsafeBytes { gatekeeper.linkReceived(UInt32(link), $0, at: now) }
    }

    private mutating func invalidate(_ random: inout SplitMix64) {
        let key = "latchkey:record:{\(acme.locator)}"
        let id = String(repeating: "0", count: 32)
        let (barrier, flush) = ("\(key):\(id)", "\(key):?\(id)")
        let content = random.element([
            Self.keys(key), Self.keys(key, barrier), Self.keys(barrier), Self.keys(flush),
            Array("*-1\r\n".utf8), Self.bulk(barrier),
        ])
        let link = cluster == nil ? 1 : 1 + 2 * random.below(4)
        guard link == 1 || isOpen[link] else { return }
        incoming[link] += Array("*3\r\n$7\r\nmessage\r\n".utf8) + Self.bulk("__redis__:invalidate")
        incoming[link] += content
    }

    private mutating func lose(_ link: Int) {
        guard isOpen[link] else { return }
        forget(link)
        losses += 1
        gatekeeper.linkClosed(UInt32(link), at: now)
    }

    private mutating func forget(_ link: Int) {
        isOpen[link] = false
        incoming[link] = []
    }

    private static func address(_ host: String, _ port: String) -> [UInt8] { keys(host, port) }

    private static func keys(_ keys: String...) -> [UInt8] { Self.keys(keys) }

    private static func keys(_ keys: [String]) -> [UInt8] {
        Array("*\(keys.count)\r\n".utf8) + keys.flatMap { bulk($0) }
    }

    private static func bulk(_ text: String) -> [UInt8] { bulk(Array(text.utf8)) }

    private static func bulk(_ text: [UInt8]) -> [UInt8] {
        Array("$\(text.count)\r\n".utf8) + text + Array("\r\n".utf8)
    }

    private static func commands(_ bytes: [UInt8]) -> [[String]] {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        var commands: [[String]] = []
        var index = 0
        while index < lines.count, let count = Int(lines[index].dropFirst()) {
            commands.append((0..<count).map { String(lines[index + 2 + 2 * $0]) })
            index += 1 + 2 * count
        }
        return commands
    }

    /// Generates or revokes a key; now and then restores an earlier record.
    private mutating func change(_ random: inout SplitMix64) {
        let before = fields
        if random.once(in: 3) {
            record = record.revokingKey(at: now.unix)
        } else {
            let key = KeyRecord.Key(
                verifier: random.element(verifiers),
                createdAt: now.unix,
                createdBy: record.owner,
                expiresAt: random.once(in: 4) ? now.unix.advanced(byMilliseconds: 500) : nil
            )
            record = record.replacingKey(
                with: key,
                graceMilliseconds: random.once(in: 2) ? 300 : 0
            )
        }
        fields = random.once(in: 10) ? before : storedFields(record, seal)
    }
}
