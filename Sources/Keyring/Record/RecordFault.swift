import RedisClient

/// Why a record cannot be trusted. Tells which field is at fault, never what it holds.
public enum RecordFault: Error, Equatable, Sendable {
    /// Redis could not read it: the key is of another kind, say.
    case unreadable(RedisError)
    /// The reply was not a list of the fields that were asked for.
    case unexpectedReply
    /// A field is missing, or holds what it cannot hold.
    case field(RecordField)
    /// It is another organization's record.
    case misplaced
    /// It was not written by an executable that has one of our peppers, or was altered since.
    case seal
    /// A later version of it has been seen: somebody has put an earlier one back.
    case outdated
}

extension RecordFault: CustomStringConvertible {
    /// What is wrong, as the end of a sentence that begins with "the record".
    public var description: String {
        switch self {
        case .unreadable(let error): "cannot be read: \(error.message)"
        case .unexpectedReply: "was answered with something else"
        case .field(let field): "has no valid field \(field.name)"
        case .misplaced: "belongs to another organization"
        case .outdated:
            "is an earlier version than one that was seen: was a backup put back? then reload nginx"
        case .seal: "was altered, or sealed with another pepper (mac does not match)"
        }
    }
}
