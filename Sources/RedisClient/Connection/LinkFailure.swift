/// Why a connection to Redis was given up.
public enum LinkFailure: Error, Equatable, Sendable {
    /// The connection was refused, or closed by the server.
    case disconnected
    /// The connection or a reply took too long.
    case timeout
    /// The received bytes are not RESP.
    case protocolError(RESPDecoder.Failure)
    /// A reply arrived to which there is no command.
    case unsolicited
    /// Redis refused a command of the handshake.
    case refused(RedisError)
    /// The server that answered the handshake is not Redis.
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
