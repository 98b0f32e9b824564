import KeyFormat
import Keyring
import RedisClient
import TestSupport

/// Plays Redis: carries out commands on hashes and sorted sets in memory, and answers in its protocol.
struct TestStore {
    private(set) var hashes: [String: [String: String]] = [:]
    private(set) var lastUses: [String: String] = [:]
    private(set) var counts: [String: Int] = [:]
    private(set) var lists: [String: [String]] = [:]

    /// The error that each command but those of connections is answered with.
    var refusal: String?

    /// The commands of a transaction, if one has begun.
    private var queued: [[String]]?

    /// What INFO answers; an error if it is `nil`.
    var information: String? = "redis_version:7.0.15\r\nmaster_replid:0a1b\r\n"

    /// Parses complete commands.
    static func commands(in bytes: [UInt8]) -> [[String]] {
        CommandReader.commands(in: bytes) ?? [["not", "commands"]]
    }

    mutating func answer(_ commands: [[String]], isSubscriber: Bool = false) -> String {
        var answers = ""
        for command in commands {
            answers += isSubscriber ? answerSubscriber(command) : answer(command)
        }
        return answers
    }

    /// The answer to a connection that subscribes to channels, or is about to.
    private func answerSubscriber(_ command: [String]) -> String {
        switch command[0] {
        case "CLIENT": return command[1] == "ID" ? ":7\r\n" : "+OK\r\n"
        case "INFO": return information.map { Self.bulk($0) } ?? "-NOPERM no permission\r\n"
        case "SUBSCRIBE":
            return "*3\r\n" + Self.bulk("subscribe") + Self.bulk(command[1]) + ":1\r\n"
        case "PING":
            return command.count == 1 ? "+PONG\r\n" : Self.texts(["pong", command[1]])
        default: return "+OK\r\n"
        }
    }

    mutating func answer(_ command: [String]) -> String {
        switch command[0] {
        case "MULTI":
            queued = []
            return "+OK\r\n"
        case "EXEC":
            defer { queued = nil }
            return Self.array((queued ?? []).map { carryOut($0) })
        default:
            guard queued != nil else { return carryOut(command) }
            queued?.append(command)
            return "+QUEUED\r\n"
        }
    }

    private mutating func carryOut(_ command: [String]) -> String {
        if let refusal { return "-\(refusal)\r\n" }
        switch command[0] {
        case "PING": return "+PONG\r\n"
        case "INFO": return information.map { Self.bulk($0) } ?? "-NOPERM no permission\r\n"
        case "HGET": return Self.bulk(hashes[command[1]]?[command[2]])
        case "AUTH", "SELECT": return "+OK\r\n"
        case "HMGET": return Self.array(command[2...].map { Self.bulk(hashes[command[1]]?[$0]) })
        case "ZADD": return raise(command)
        case "RPUSH":
            lists[command[1], default: []].append(command[2])
            return ":1\r\n"
        case "ZINCRBY":
            counts[command[3], default: 0] += Int(command[2])!
            return Self.bulk(String(counts[command[3]]!))
        case "EXPIRE": return ":1\r\n"
        default: return change(command)
        }
    }

    /// Writes a record as the executable does.
    mutating func write(_ record: KeyRecord, seal: RecordSeal) {
        let owner = record.owner
        let audit = AuditEntry(.generate, by: owner, account: owner, at: UnixTime(milliseconds: 0))
        for command in RecordWrite(record, seal: seal, audit: audit).commands {
            _ = change(command.arguments.map { String(decoding: $0, as: UTF8.self) })
        }
    }

    /// Alters a field of a record, as anyone with write access to the store could.
    mutating func alter(_ organization: Organization, _ field: String, _ text: String?) {
        hashes["latchkey:record:{\(organization.locator)}"]?[field] = text
    }

    /// A transaction ends with its connection.
    mutating func endTransaction() {
        queued = nil
    }

    static let list = "latchkey:{gateways}"

    /// The entries of workers in the membership list.
    var members: [String: String] {
        (hashes[Self.list] ?? [:]).filter { $0.value.contains("host=") }
    }

    /// Replaces an entry in the membership list, as another data set may have it.
    mutating func replaceMember(_ id: String, _ entry: String?) {
        hashes[Self.list]?[id] = entry
    }

    /// Empties the membership list, as an administrator might after taking a worker for dead.
    mutating func removeMembers() {
        hashes[Self.list] = nil
    }

    mutating func removeAll() {
        hashes = [:]
    }

    private mutating func change(_ command: [String]) -> String {
        switch command[0] {
        case "HINCRBY":
            let number = Int(hashes[command[1]]?[command[2]] ?? "0")! + Int(command[3])!
            hashes[command[1], default: [:]][command[2]] = String(number)
            return ":\(number)\r\n"
        case "HSET":
            var added = 0
            for index in stride(from: 2, to: command.count, by: 2) {
                if hashes[command[1]]?[command[index]] == nil { added += 1 }
                hashes[command[1], default: [:]][command[index]] = command[index + 1]
            }
            return ":\(added)\r\n"
        case "HSETNX":
            guard hashes[command[1]]?[command[2]] == nil else { return ":0\r\n" }
            hashes[command[1], default: [:]][command[2]] = command[3]
            return ":1\r\n"
        case "HDEL":
            for field in command[2...] { hashes[command[1]]?[field] = nil }
            return ":0\r\n"
        default: return "+OK\r\n"
        }
    }

    private mutating func raise(_ command: [String]) -> String {
        guard command[2] == "GT" else { return "-ERR syntax error\r\n" }
        for index in stride(from: 3, to: command.count, by: 2) {
            let locator = command[index + 1]
            lastUses[locator] = max(lastUses[locator] ?? "", command[index])
        }
        return ":0\r\n"
    }

    /// A message to a subscriber.
    static func message(_ channel: String, _ content: String) -> String {
        "*3\r\n" + bulk("message") + bulk(channel) + content
    }

    /// An array of texts.
    static func texts(_ texts: [String]) -> String { array(texts.map { bulk($0) }) }

    static func bulk(_ text: String?) -> String {
        text.map { "$\($0.utf8.count)\r\n\($0)\r\n" } ?? "$-1\r\n"
    }

    private static func array(_ elements: [String]) -> String {
        "*\(elements.count)\r\n" + elements.joined()
    }
}
