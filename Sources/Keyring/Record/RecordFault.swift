import RedisClient

/// Why a record is not trusted. Names the faulty field, never its contents.
public enum RecordFault: Error, Equatable, Sendable {
    /// There is none. Records are never deleted, so the store has lost it.
    case absent
    /// Redis could not read it, for example because the key has another type.
    case unreadable(RedisError)
    /// The reply does not consist of the requested fields.
    case unexpectedReply
    /// A field is missing or invalid.
    case field(RecordField)
    /// The record belongs to another organization.
    case misplaced
    /// There is no seal.
    case unsealed
    /// The seal was not made with one of the peppers, or the record was altered afterwards.
    case seal
    /// A later version was seen before, so this one must have been restored.
    case outdated
}

extension RecordFault: CustomStringConvertible {
    /// What is wrong, as the predicate of a sentence whose subject is the record.
    public var description: String {
        switch self {
        case .absent: "is missing: the store has lost it"
        case .unreadable(let error): "cannot be read: \(error.message)"
        case .unexpectedReply: "cannot be read: unexpected reply"
        case .field(let field): "has no valid field \(field.name)"
        case .misplaced: "belongs to another organization"
        case .outdated:
            "is older than a version seen before: if a backup was restored, reload nginx"
        case .unsealed:
            "has no seal: its key was revoked without proof, or it was altered"
        case .seal: "was altered or sealed with another pepper (mac does not match)"
        }
    }
}
