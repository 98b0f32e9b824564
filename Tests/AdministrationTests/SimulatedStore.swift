import RedisClient

@testable import Administration

/// The part of Redis that a change needs, without a server and on simulated time.
final class SimulatedStore: StoreChannel {
    /// Names of the commands of each call, in order.
    private(set) var calls: [[String]] = []

    /// Number of connections that were closed.
    private(set) var renewals = 0

    /// Number of subscribers; `nil` for as many as acknowledge.
    var subscriberCount: Int?

    /// The published barrier IDs.
    var publications: [String] = []

    var hashes: [String: [String: String]] = [:]

    /// Whether the store cannot be reached.
    var isDown = false

    /// Commands that are refused.
    var refused: Set<String> = []

    /// Called with the number of each publication; returns the IDs of the workers that acknowledge it.
    var onPublication: (Int) -> [String] = { _ in [] }

    /// Called with each command before it is carried out.
    var onCommand: (String) -> Void = { _ in }

    private let clock: SimulatedClock
    private var lists: [String: [String]] = [:]
    private var versions: [String: Int] = [:]
    private var watched: [String: Int] = [:]
    private var queue: [[String]]?

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
        let texts = commands.map { $0.arguments.map { String(decoding: $0, as: UTF8.self) } }
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
        watched = [:]
        queue = nil
        renewals += 1
    }

    /// Writes a field as another client would.
    func write(_ key: String, _ field: String, _ value: String) {
        hashes[key, default: [:]][field] = value
        versions[key, default: 0] += 1
    }
}

// MARK: - Commands

extension SimulatedStore {
    private func reply(_ words: [String]) -> RedisReply {
        if refused.contains(words[0]) { return .error(bytes("NOPERM no right to \(words[0])")) }
        if queue != nil, words[0] != "EXEC" {
            queue?.append(words)
            return .status(bytes("QUEUED"))
        }
        switch words[0] {
        case "WATCH": watched[words[1]] = versions[words[1], default: 0]
        case "MULTI": queue = []
        case "EXEC": return exec()
        case "HMGET": return .array(words[2...].map { text(hashes[words[1]]?[$0]) })
        case "HGETALL": return .array((hashes[words[1]] ?? [:]).flatMap { [text($0), text($1)] })
        case "HSET": return set(words)
        case "HDEL": return delete(words)
        case "HINCRBY": return increment(words)
        case "PUBLISH": return publish(words[2])
        case "BLPOP": return waitAndPop(words)
        case "LPOP": return pop(words[1])
        case "RPUSH", "LTRIM": return .integer(1)
        case "TIME":
            let time = clock.unix.milliseconds
            return .array([text(String(time / 1000)), text(String(time % 1000 * 1000))])
        default: return .null
        }
        return .status(bytes("OK"))
    }

    private func exec() -> RedisReply {
        defer { (queue, watched) = (nil, [:]) }
        guard watched.allSatisfy({ versions[$0.key, default: 0] == $0.value }) else { return .null }
        let commands = queue ?? []
        queue = nil
        return .array(commands.map(reply))
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
        let number = (Int64(hashes[words[1]]?[words[2]] ?? "0") ?? 0) + (Int64(words[3]) ?? 0)
        write(words[1], words[2], String(number))
        return .integer(number)
    }

    private func publish(_ barrierID: String) -> RedisReply {
        publications.append(barrierID)
        let acknowledgements = onPublication(publications.count)
        lists["latchkey:ack:\(barrierID)", default: []] += acknowledgements
        return .integer(Int64(subscriberCount ?? acknowledgements.count))
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
