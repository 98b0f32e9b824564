import Keyring
import RedisClient

@testable import Administration

/// The part of Redis that a change needs, without a server and on simulated time.
final class SimulatedStore: StoreChannel {
    /// Names of the commands of each call, in order.
    private(set) var calls: [[String]] = []

    /// Number of connections that were closed.
    private(set) var renewals = 0

    /// The names of the keys that were set and deleted as signals.
    var signals: [String] = []

    /// Names the server's time as a primary.
    var replicationID = "r1"

    /// The ID of the primary that it has taken over from, or zeros.
    var formerID = "0000"

    var role = "master"

    /// Replicas that are connected, and those that acknowledge at once.
    var (replicas, prompt) = (0, 0)

    var version = "7.0.15"

    /// How often it was started. Each process scans in another order.
    var starts = 1

    /// Number of records in a page of a scan.
    var pageLength = 1000

    /// The last parts of the replicas' addresses.
    var addresses = Array(4...20)

    /// Whether it has written something for this connection.
    private var hasWritten = false

    var hashes: [String: [String: String]] = [:]

    /// Whether the store cannot be reached.
    var isDown = false

    /// Commands that are refused.
    var refused: Set<String> = []

    /// Called with the number of each signal; returns the IDs of the workers that acknowledge it.
    var onSignal: (Int) -> [String] = { _ in [] }

    /// Called with each command before it is carried out.
    var onCommand: (String) -> Void = { _ in }

    /// What the server of a cluster replies instead; `nil` if it carries the command out.
    var turnAway: ([String]) -> RedisReply? = { _ in nil }

    private let clock: SimulatedClock
    private var lists: [String: [String]] = [:]
    private var counters: [String: (number: Int64, until: MonotonicTime)] = [:]
    private var versions: [String: Int] = [:]
    private var watched: [String: Int] = [:]
    private var queue: [[String]]?
    private var isAborted = false

    init(_ clock: SimulatedClock) {
        self.clock = clock
    }

    private(set) var isReady = false

    func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        let wasReady = isReady
        isReady = !isDown
        if isDown { throw wasReady ? .interrupted("it is down") : .unreachable("it is down") }
        let texts = commands.map(\.texts)
        calls.append(texts.map { $0[0] })
        var replies: [RedisReply] = []
        for text in texts {
            onCommand(text[0])
            replies.append(reply(text))
            if isDown {
                isReady = false
                throw .interrupted("it went down")
            }
        }
        return replies
    }

    func renew() {
        isReady = false
        hasWritten = false
        watched = [:]
        queue = nil
        renewals += 1
    }

    /// Carries commands out for another client.
    @discardableResult
    func carryOut(_ commands: [RedisCommand]) -> [RedisReply] {
        commands.map { perform($0.texts) }
    }

    /// Replies to another client, as a server of a cluster.
    func answer(_ commands: [RedisCommand]) -> [RedisReply] {
        commands.map { turnAway($0.texts) ?? perform($0.texts) }
    }

    /// Writes a field as another client would.
    func write(_ key: String, _ field: String, _ value: String) {
        hashes[key, default: [:]][field] = value
        versions[key, default: 0] += 1
    }
}

// MARK: - Commands

extension SimulatedStore {
    private static let writes: Set = ["HSET", "HSETNX", "HDEL", "HINCRBY", "SET", "DEL", "RPUSH"]

    private func reply(_ words: [String]) -> RedisReply {
        if refused.contains(words[0]) {
            isAborted = queue != nil
            return .error(bytes("NOPERM no right to \(words[0])"))
        }
        if role != "master", Self.writes.contains(words[0]) {
            isAborted = queue != nil
            return .error(bytes("READONLY You can't write against a read only replica."))
        }
        if let reply = turnAway(words) {
            if queue != nil, reply.failure != nil { isAborted = true }
            return reply
        }
        switch words[0] {
        case "EXEC": return exec()
        case _ where queue != nil:
            queue?.append(words)
            return .status(bytes("QUEUED"))
        case "WATCH": for key in words[1...] { watched[key] = versions[key, default: 0] }
        case "MULTI": (queue, isAborted) = ([], false)
        default: return perform(words)
        }
        return .status(bytes("OK"))
    }

    private func perform(_ words: [String]) -> RedisReply {
        switch words[0] {
        case "HMGET": .array(words[2...].map { text(hashes[words[1]]?[$0]) })
        case "HGETALL": .array((hashes[words[1]] ?? [:]).flatMap { [text($0), text($1)] })
        case "HSET": set(words)
        case "HSETNX": hashes[words[1]]?[words[2]] == nil ? set(words) : .integer(0)
        case "HDEL": delete(words)
        case "HINCRBY": increment(words)
        case "SET": setText(words)
        case "INCR": count(words[1])
        case "INFO": text(information)
        case "WAIT": waitForReplicas(words)
        case "WAITAOF": .array([.integer(1), .integer(Int64(prompt))])
        case "BLPOP": waitAndPop(words)
        case "LPOP": pop(words[1])
        case "RPUSH": push()
        case "DEL", "PEXPIRE": .integer(1)
        case "LTRIM": .status(bytes("OK"))
        case "SCAN": scan(from: Int(words[1]) ?? 0)
        default: .null
        }
    }

    private var information: String {
        ([
            "redis_version:\(version)", "run_id:\(replicationID)-\(starts)", "role:\(role)",
            "master_replid:\(replicationID)",
            "master_replid2:\(formerID)",
            "connected_slaves:\(replicas)",
        ]
            + (0..<replicas).map {
                "slave\($0):ip=10.0.0.\(addresses[$0]),port=6379,state=online,offset=1,lag=0"
            })
            .joined(separator: "\r\n")
    }

    private func scan(from cursor: Int) -> RedisReply {
        var keys = hashes.keys.filter { Keyspace.locator(ofRecord: bytes($0)) != nil }.sorted()
        if starts.isMultiple(of: 2) { keys.reverse() }
        let page = keys.dropFirst(cursor).prefix(pageLength)
        let next = cursor + page.count < keys.count ? cursor + page.count : 0
        return .array([text("\(next)"), .array(page.map(text))])
    }

    /// On a connection that has written nothing there is nothing to wait for.
    private func waitForReplicas(_ words: [String]) -> RedisReply {
        guard hasWritten else { return .integer(Int64(replicas)) }
        if prompt < Int(words[1]) ?? 0 { clock.advance(byMilliseconds: UInt64(words[2]) ?? 0) }
        return .integer(Int64(prompt))
    }

    private func exec() -> RedisReply {
        defer { (queue, watched) = (nil, [:]) }
        if isAborted { return .error(bytes("EXECABORT Transaction discarded")) }
        guard watched.allSatisfy({ versions[$0.key, default: 0] == $0.value }) else { return .null }
        let commands = queue ?? []
        queue = nil
        return .array(commands.map(perform))
    }

    private func set(_ words: [String]) -> RedisReply {
        var added: Int64 = 0
        for index in stride(from: 2, to: words.count, by: 2) {
            if hashes[words[1]]?[words[index]] == nil { added += 1 }
            write(words[1], words[index], words[index + 1])
        }
        return .integer(added)
    }

    private func delete(_ words: [String]) -> RedisReply {
        versions[words[1], default: 0] += 1
        return .integer(
            words[2...].reduce(0) {
                $0 + (hashes[words[1]]?.removeValue(forKey: $1) == nil ? 0 : 1)
            }
        )
    }

    private func increment(_ words: [String]) -> RedisReply {
        hasWritten = true
        let number = (Int64(hashes[words[1]]?[words[2]] ?? "0") ?? 0) + (Int64(words[3]) ?? 0)
        write(words[1], words[2], String(number))
        return .integer(number)
    }

    /// A signal, or a counter that expires.
    private func setText(_ words: [String]) -> RedisReply {
        guard case .signal(let signal) = TrackedKey(bytes(words[1])) else {
            let isOver = counters[words[1]].map { $0.until <= clock.monotonic } ?? true
            guard isOver, let span = UInt64(words[4]) else { return .null }
            counters[words[1]] = (0, clock.monotonic.advanced(byMilliseconds: span))
            return .status(bytes("OK"))
        }
        signals.append(words[1])
        lists[signal.popAcknowledgements.texts[1], default: []] += onSignal(signals.count)
        return .status(bytes("OK"))
    }

    private func push() -> RedisReply {
        hasWritten = true
        return .integer(1)
    }

    private func count(_ key: String) -> RedisReply {
        counters[key, default: (0, .never)].number += 1
        return .integer(counters[key]?.number ?? 0)
    }

    private func waitAndPop(_ words: [String]) -> RedisReply {
        if lists[words[1], default: []].isEmpty {
            let parts = words[2].split(separator: ".").compactMap { UInt64($0) }
            clock.advance(byMilliseconds: parts[0] * 1000 + parts[1])
        }
        guard let first = lists[words[1]]?.first else { return .null }
        lists[words[1]]?.removeFirst()
        return .array([text(words[1]), text(first)])
    }

    private func pop(_ key: String) -> RedisReply {
        guard let names = lists.removeValue(forKey: key), !names.isEmpty else { return .null }
        return .array(names.map(text))
    }

    private func text(_ string: String?) -> RedisReply {
        string.map { .bulk(bytes($0)) } ?? .null
    }

    private func bytes(_ string: String) -> ArraySlice<UInt8> { Array(string.utf8)[...] }
}

extension RedisCommand {
    /// The name and the arguments.
    var texts: [String] { arguments.map { String(decoding: $0, as: UTF8.self) } }
}
