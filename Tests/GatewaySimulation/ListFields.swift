import RedisClient

/// The fields of the membership list, to be falsified.
struct ListFields {
    private var fields: [String: String] = [:]

    init?(_ reply: RedisReply) {
        guard case .array(let elements) = reply else { return nil }
        let texts = elements.map { element in
            if case .bulk(let text) = element { String(decoding: text, as: UTF8.self) } else { "" }
        }
        for index in stride(from: 0, to: texts.count - 1, by: 2) {
            fields[texts[index]] = texts[index + 1]
        }
    }

    var reply: RedisReply {
        let texts = fields.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
        return .array(texts.map { .bulk(ArraySlice($0.utf8)) })
    }

    var members: [String] { fields.keys.filter { $0.utf8.count == 16 }.sorted() }

    private var suspects: [String] { fields.keys.filter { $0.hasPrefix("silent:") } }

    private var generation: String? { fields["generation"] }

    private var checksum: Int64 {
        get { fields["checksum"].flatMap { Int64($0) } ?? 0 }
        set { fields["checksum"] = String(newValue) }
    }

    /// The tokens of all entries and suspects.
    private var tokens: [Int64] {
        fields.filter { $0.value.contains("token=") }.compactMap { _, entry in
            entry.split(separator: " ").first { $0.hasPrefix("token=") }
                .flatMap { Int64($0.dropFirst(6), radix: 16) }
        }
    }

    var hasTerms: Bool { fields.keys.contains { $0.hasPrefix("term:") } }

    mutating func removeGraces() {
        for (field, value) in fields where value.contains("grace=") {
            let words = value.split(separator: " ").map { $0.hasPrefix("grace=") ? "grace=0" : $0 }
            fields[field] = words.joined(separator: " ")
        }
    }

    /// Takes an unknown term for one that was handed over.
    mutating func believe(_ term: String?) {
        guard let term, let generation else { return }
        let former = fields.first { $0.key.hasPrefix("term:") }?.value.split(separator: ":").last
        let field = "term:\(term):\(generation)"
        if fields[field] == nil { fields[field] = "4000000000:\(former ?? "0")" }
        if fields["checksum"] == nil { fields["checksum"] = "0" }
    }

    mutating func believeFormerGenerations(_ term: String?) {
        guard let term, let generation else { return }
        let former = fields.keys.filter { $0.hasPrefix("term:\(term):") }.sorted().first
        let field = "term:\(term):\(generation)"
        if fields[field] == nil, let former { fields[field] = fields[former] }
    }

    /// Makes the checksum fit the entries.
    mutating func fitChecksum(_ term: String?) {
        guard let term, let generation,
            let excess = fields["term:\(term):\(generation)"]?.split(separator: ":").last
        else { return }
        checksum = tokens.reduce(0, +) - (Int64(excess) ?? 0)
    }

    mutating func removeMembers() {
        for field in members + suspects { fields[field] = nil }
    }

    mutating func removeSuspects() {
        let before = tokens.reduce(0, +)
        for field in suspects { fields[field] = nil }
        checksum -= before - tokens.reduce(0, +)
    }

    /// Takes the notes of any machine for this machine's.
    mutating func takeNotes(as bootID: String) {
        for field in suspects.sorted() {
            let parts = field.split(separator: ":")
            guard parts.count == 4 else { continue }
            fields["\(parts.prefix(3).joined(separator: ":")):\(bootID)"] = fields[field]
        }
    }
}
