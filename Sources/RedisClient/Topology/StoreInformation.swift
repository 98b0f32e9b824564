/// The reply to `INFO`.
public struct StoreInformation: Sendable {
    /// Asks what server the store is.
    public static var readServer: RedisCommand { RedisCommand("INFO", "server") }

    /// Asks whether the store is a primary, and of which term.
    public static var readReplication: RedisCommand { RedisCommand("INFO", "replication") }

    private let values: [Substring: Substring]

    /// Larger numbers are capped, so that sums of a few do not overflow.
    private static let numberMax: UInt64 = 1 << 53

    /// Parses the reply; `nil` if it is an error. Values are restricted to printable ASCII: safe to display and log.
    public init?(_ reply: RedisReply) {
        guard case .bulk(let bytes) = reply else { return nil }
        var values: [Substring: Substring] = [:]
        let text = bytes.map { $0 < 0x20 && $0 != 0x0A && $0 != 0x0D || 0x7E < $0 ? 0x3F : $0 }
        let lines = String(decoding: text, as: UTF8.self).split { $0.isNewline }
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[line[..<colon]] = line[colon...].dropFirst()
        }
        self.values = values
    }

    /// Names the server's process, from the reply to ``readServer``; empty where the server names none.
    public static func process(_ reply: RedisReply) throws(RedisError) -> String {
        if let failure = reply.failure { throw failure }
        return Self(reply)?["run_id"] ?? ""
    }

    /// The value of a field.
    public subscript(name: String) -> String? { values[name[...]].map(String.init) }

    /// The number in a field.
    public func number(_ name: String) -> UInt64? { values[name[...]].flatMap(Self.number) }

    /// A number in a server's text, capped; `nil` if it is none.
    public static func number(_ text: some StringProtocol) -> UInt64? {
        UInt64(text).map { min($0, numberMax) }
    }

    /// Whether the server says that it is a primary. A primary whose replicas have elected another says so too.
    public var isPrimary: Bool { self["role"] == "master" }

    /// Whether Latchkey supports the version; `nil` if Redis reports none.
    public var isNewEnough: Bool? {
        version.map { $0 >= (6, 2) }
    }

    /// Whether an answer may reach a client before the invalidations of what was done before it. Redis 8
    /// does that with I/O threads; earlier releases and Valkey do not.
    public var answersMayOvertakeInvalidations: Bool {
        guard let version, version < (8, 0) else { return self["io_threads_active"] != "0" }
        return false
    }

    /// Whether the reported version is older than a release.
    public func isOlder(than release: (Int, Int)) -> Bool { version.map { $0 < release } ?? false }

    private var version: (Int, Int)? {
        let parts = self["redis_version"]?.split(separator: ".").compactMap { Int($0) }
        guard let parts, parts.count >= 2 else { return nil }
        return (parts[0], parts[1])
    }
}
