import RedisClient

/// The reply to `INFO`.
struct StoreInformation {
    private let values: [Substring: Substring]

    init?(_ reply: RedisReply) {
        guard case .bulk(let text) = reply else { return nil }
        var values: [Substring: Substring] = [:]
        let lines = String(decoding: text, as: UTF8.self).split { $0.isNewline }
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[line[..<colon]] = line[colon...].dropFirst()
        }
        self.values = values
    }

    subscript(name: String) -> String? { values[name[...]].map(String.init) }

    func number(_ name: String) -> UInt64? { values[name[...]].flatMap { UInt64($0) } }

    /// Whether Latchkey supports the version; `nil` if Redis reports none.
    var isNewEnough: Bool? {
        version.map { $0 >= (6, 2) }
    }

    /// Whether the reported version is older than a release.
    func isOlder(than release: (Int, Int)) -> Bool { version.map { $0 < release } ?? false }

    private var version: (Int, Int)? {
        let parts = self["redis_version"]?.split(separator: ".").compactMap { Int($0) }
        guard let parts, parts.count >= 2 else { return nil }
        return (parts[0], parts[1])
    }
}
