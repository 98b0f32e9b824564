/// The commands that begin a connection, each with the reply that lets it go on.
enum HandshakeStep {
    case authenticate(RedisCredentials)
    case select(database: Int)
    /// Proves that a server is there and has loaded its data: a stopped one still accepts
    /// connections.
    case ping

    static func steps(_ credentials: RedisCredentials?, database: Int) -> [HandshakeStep] {
        var steps: [HandshakeStep] = []
        if let credentials { steps.append(.authenticate(credentials)) }
        if database != 0 { steps.append(.select(database: database)) }
        return steps + [.ping]
    }

    /// Returns `false` when there is no memory.
    func append(to output: inout OutputBuffer) -> Bool {
        switch self {
        case .authenticate(let credentials):
            credentials.appendCommand(to: &output)
            return true
        case .select(let database): return output.append(RedisCommand("SELECT", String(database)))
        case .ping: return output.append(RedisCommand("PING"))
        }
    }

    /// Why the link cannot go on after a reply, or `nil` where it can.
    func failure(_ reply: RedisReply) -> LinkFailure? {
        if let error = reply.failure { return .refused(error) }
        switch self {
        case .authenticate, .select: return reply.isOK ? nil : .notRedis
        case .ping:
            if case .status(let text) = reply, text.elementsEqual("PONG".utf8) { return nil }
            return .notRedis
        }
    }
}
