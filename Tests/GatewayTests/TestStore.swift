import KeyFormat
import Keyring
import RedisClient

/// Plays Redis: carries out commands on hashes and sorted sets in memory, and answers in its protocol.
struct TestStore {
    private(set) var hashes: [String: [String: String]] = [:]
    private(set) var lastUses: [String: String] = [:]

    /// Reads commands as Redis does: arrays of bulk strings.
    static func commands(in bytes: [UInt8]) -> [[String]] {
        let lines = String(decoding: bytes, as: UTF8.self).split(
            separator: "\r\n",
            omittingEmptySubsequences: false
        )
        var commands: [[String]] = []
        var index = 0
        while index < lines.count, let count = Int(lines[index].dropFirst()) {
            commands.append((0..<count).map { String(lines[index + 2 + 2 * $0]) })
            index += 1 + 2 * count
        }
        return commands
    }

    mutating func answer(_ commands: [[String]]) -> String {
        var answers = ""
        for command in commands { answers += answer(command) }
        return answers
    }

    mutating func answer(_ command: [String]) -> String {
        switch command[0] {
        case "PING": return "+PONG\r\n"
        case "AUTH", "SELECT": return "+OK\r\n"
        case "HMGET": return Self.array(command[2...].map { Self.bulk(hashes[command[1]]?[$0]) })
        case "ZADD": return raise(command)
        default: return change(command)
        }
    }

    /// Writes a record as the executable does.
    mutating func write(_ record: KeyRecord, seal: RecordSeal) {
        let owner = record.owner
        let audit = AuditEntry(.generate, by: owner, account: owner)
        for command in KeyCommands.write(record, seal: seal, audit: audit) {
            _ = change(command.arguments.map { String(decoding: $0, as: UTF8.self) })
        }
    }

    /// Alters a field of a record, as somebody might who can write to the store.
    mutating func alter(_ organization: Organization, _ field: String, _ text: String?) {
        hashes["latchkey:record:{\(organization.locator)}"]?[field] = text
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
            for index in stride(from: 2, to: command.count, by: 2) {
                hashes[command[1], default: [:]][command[index]] = command[index + 1]
            }
            return ":0\r\n"
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

    private static func bulk(_ text: String?) -> String {
        text.map { "$\($0.utf8.count)\r\n\($0)\r\n" } ?? "$-1\r\n"
    }

    private static func array(_ elements: [String]) -> String {
        "*\(elements.count)\r\n" + elements.joined()
    }
}
