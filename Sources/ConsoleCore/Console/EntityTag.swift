import Administration
import KeyFormat
import Keyring

/// Names what an owner has seen of a key: a change that names another state is refused.
struct EntityTag: Equatable, Sendable {
    /// Such as `v17.3f0c9a2b`: the version of the record, and a digest of what it says of its key. A record that was
    /// put back, and changed again, has the same version.
    let text: String

    init(_ status: KeyStatus) {
        let record = status.record
        var state = Array("\(record.state.rawValue) \(record.owner) ".utf8)
        if let key = record.key { state += key.verifier.hexadecimal + key.createdAt.decimal }
        text = "v\(record.version).\(ShortDigest.text(state))"
    }

    /// The value of `ETag`.
    var field: String { "\"\(text)\"" }
}

/// What a change requires of the key that it ends.
enum Precondition: Equatable, Sendable {
    /// Whatever is there.
    case any
    /// One of these states.
    case states([String])

    /// Reads the value of `If-Match`; `nil` if it is not valid. Weak tags match nothing (RFC 9110, 13.1.1).
    init?(field: String) {
        let field = String(field.trimmingBlanks())
        guard field != "*" else {
            self = .any
            return
        }
        var tags: [String] = []
        for element in field.split(separator: ",", omittingEmptySubsequences: false) {
            let tag = element.trimmingBlanks()
            let opaque = tag.hasPrefix("W/") ? tag.dropFirst(2) : tag
            guard opaque.count >= 2, opaque.first == "\"", opaque.last == "\"" else { return nil }
            let text = opaque.dropFirst().dropLast()
            guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") })
            else {
                return nil
            }
            if !tag.hasPrefix("W/") { tags.append(String(text)) }
        }
        self = .states(tags)
    }

    /// Whether a status meets it.
    func isMet(by status: KeyStatus) -> Bool {
        switch self {
        case .any: true
        case .states(let tags): tags.contains(EntityTag(status).text)
        }
    }

    /// The state that the change itself must find; `nil` for whatever is there.
    func seen(_ status: KeyStatus) -> KeyStatus? {
        self == .any ? nil : status
    }
}
