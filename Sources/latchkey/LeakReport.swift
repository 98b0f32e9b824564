import Administration

/// Keys that were found where none should be, as they are shown.
enum LeakReport {
    static func text(_ keys: [LeakedKey]) -> String {
        keys.map { key in
            let commit = key.place.commit.map { " (commit \($0.prefix(12)))" } ?? ""
            let path = Redaction.redacting(key.place.path)
            return "\(path):\(key.place.line)\(commit): \(key.publicPart)_…: \(words(key))\n"
        }.joined()
    }

    static func json(_ keys: [LeakedKey]) -> String {
        JSONText.array(keys.map(object)) + "\n"
    }

    private static func words(_ key: LeakedKey) -> String {
        switch key.standing {
        case .active:
            Style.bad.applied(to: "ACTIVE")
                + (key.organization.map { ", of \($0): run \"latchkey generate \($0)\"" } ?? "")
        case .revoked: "replaced or revoked"
        case .expired: "expired"
        case .foreign: "not issued here"
        case .unknown: "not known whether it is active"
        }
    }

    private static func object(_ key: LeakedKey) -> String {
        func text(_ text: String?) -> String { text.map { JSONText.string($0) } ?? "null" }
        return JSONText.object([
            ("path", JSONText.string(Redaction.redacting(key.place.path))),
            ("line", String(key.place.line)),
            ("commit", text(key.place.commit)),
            ("object", text(key.place.object)),
            ("key", JSONText.string("\(key.publicPart)_…")),
            ("state", JSONText.string(key.standing.rawValue)),
            ("organization", text(key.organization?.name)),
        ])
    }
}
