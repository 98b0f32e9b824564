/// Why a connection to Redis was lost or closed.
public enum LinkFailure: Error, Equatable, Sendable {
    /// The name of the server has no address.
    case unresolved
    /// No connection could be established.
    case unreachable
    /// An established connection ended.
    case disconnected
    /// This process is out of connections, descriptors or memory.
    case exhausted
    /// The TLS handshake failed.
    case tls
    /// The server's certificate was not accepted.
    case untrusted
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
    /// The server is a replica, or takes no writes.
    case notPrimary
    /// The link was given another server.
    case replaced
    case noMemory
}

extension LinkFailure: CustomStringConvertible {
    /// What happened, in a few words. Never contains a secret.
    public var description: String {
        switch self {
        case .unresolved: "its name has no address"
        case .unreachable: "not connected"
        case .disconnected: "connection lost"
        case .exhausted: "this process is out of connections, descriptors or memory"
        case .tls: "no TLS connection"
        case .untrusted: "its certificate is not accepted"
        case .timeout: "timed out"
        case .protocolError(.malformed): "it does not speak the Redis protocol"
        case .unsolicited: "a reply arrived without a command"
        case .refused(let error): "refused: \(error.message)"
        case .notRedis: "unexpected reply during the handshake"
        case .notPrimary: "it is not a primary"
        case .replaced: "another server takes its place"
        case .noMemory: "out of memory"
        }
    }
}
