/// Why a connection to Redis was given up.
public enum LinkFailure: Error, Equatable, Sendable {
    /// It could not be made, or the other side closed it.
    case disconnected
    /// No connection or no reply in time.
    case timeout
    /// The bytes that came are not the Redis protocol.
    case protocolError(RESPDecoder.Failure)
    /// A reply came to no command.
    case unsolicited
    /// Redis did not let the link begin.
    case refused(RedisError)
    /// Something else than Redis answered the first commands.
    case notRedis
    case noMemory
}

extension LinkFailure: CustomStringConvertible {
    /// What happened, in a few words and without secrets.
    public var description: String {
        switch self {
        case .disconnected: "not connected"
        case .timeout: "no answer in time"
        case .protocolError(.malformed): "what it sent is not the Redis protocol"
        case .protocolError(.tooLong): "a reply was too long"
        case .unsolicited: "a reply came that nothing had asked for"
        case .refused(let error): "refused: \(error.message)"
        case .notRedis: "unexpected answer to the first commands"
        case .noMemory: "out of memory"
        }
    }
}
