/// A command sent before a link is ready, and the reply that it requires.
enum HandshakeStep {
    case authenticate(RedisCredentials)
    case select(database: Int)
    /// Proves that the server is running and has loaded its data. The kernel accepts connections for
    /// a stopped one, too.
    case ping
    /// Proves that the server is a primary.
    case confirmPrimary
    /// Asks for the connection's own client ID, to which invalidations are then redirected.
    case identify
    case track(prefix: String, connection: Int64)
    case subscribe

    static func steps(_ settings: LinkSettings) -> [HandshakeStep] {
        var steps: [HandshakeStep] = []
        if let credentials = settings.credentials { steps.append(.authenticate(credentials)) }
        if settings.database != 0 { steps.append(.select(database: settings.database)) }
        steps.append(.ping)
        if settings.requiresPrimary { steps.append(.confirmPrimary) }
        if settings.trackedPrefix != nil { steps.append(.identify) }
        return steps
    }

    /// The steps that need something from the reply to this one.
    func following(_ reply: RedisReply, _ trackedPrefix: String?) -> [HandshakeStep] {
        guard case .identify = self, case .integer(let connection) = reply, let trackedPrefix
        else { return [] }
        return [.track(prefix: trackedPrefix, connection: connection), .subscribe]
    }

    func append(to output: inout OutputBuffer) {
        switch self {
        case .authenticate(let credentials): credentials.appendCommand(to: &output)
        case .select(let database): output.append(RedisCommand("SELECT", .number(database)))
        case .ping: output.append(RedisCommand("PING"))
        case .confirmPrimary: output.append(StoreInformation.readReplication)
        case .identify: output.append(RedisCommand("CLIENT", "ID"))
        case .track(let prefix, let connection):
            output.append(
                RedisCommand([
                    "CLIENT", "TRACKING", "ON", "REDIRECT", .number(connection), "BCAST", "PREFIX",
                    .text(prefix),
                ])
            )
        case .subscribe: output.append(RedisCommand("SUBSCRIBE", .text("\(Invalidation.channel)")))
        }
    }

    /// Why the reply ends the handshake, or `nil` if the handshake may continue.
    func failure(_ reply: RedisReply) -> LinkFailure? {
        if case .ping = self, reply.refusesWrites { return nil }
        if let error = reply.failure { return .refused(error) }
        if case .confirmPrimary = self, let information = StoreInformation(reply) {
            return information.isPrimary ? nil : .notPrimary
        }
        return isAnswered(by: reply) ? nil : .notRedis
    }

    private func isAnswered(by reply: RedisReply) -> Bool {
        switch self {
        case .authenticate, .select, .track: return reply.isOK
        case .ping:
            if case .status(let text) = reply { return text.spells("PONG") }
            return false
        case .confirmPrimary: return false
        case .identify: if case .integer = reply { return true } else { return false }
        case .subscribe:
            guard case .array(let elements) = reply, elements.count == 3,
                case .bulk(let kind) = elements[0], case .bulk(let name) = elements[1]
            else { return false }
            return kind.spells("subscribe") && name.spells(Invalidation.channel)
        }
    }
}
