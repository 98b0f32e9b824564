/// What a server of a cluster answers to a command for a key that it does not hold. Nothing was done.
public enum Redirection: Equatable, Sendable {
    /// Another server holds the slot, from now on.
    case moved(Slot, to: Endpoint)
    /// The slot is being moved to another server, which has the key or will create it. It accepts this command
    /// after ``ClusterCommands/asking``.
    case ask(Slot, to: Endpoint)

    /// Parses an error; `nil` if it is another one, or names no IP address.
    ///
    /// - Parameter asked: The server that was asked, whose address stands for an omitted one.
    public init?(_ error: RedisError, from asked: Endpoint) {
        guard error.code == "MOVED" || error.code == "ASK" else { return nil }
        let words = Array(error.message.utf8).split(
            separator: 0x20,
            omittingEmptySubsequences: false
        )
        guard words.count == 3, let slot = words[1].smallNumber.flatMap({ Slot($0) }),
            let endpoint = asked.announced(words[2])
        else { return nil }
        self = error.code == "ASK" ? .ask(slot, to: endpoint) : .moved(slot, to: endpoint)
    }

    /// Parses an error reply; `nil` if it is another reply.
    public init?(_ reply: RedisReply, from asked: Endpoint) {
        guard let error = reply.failure else { return nil }
        self.init(error, from: asked)
    }

    /// Where the command belongs.
    public var target: Endpoint {
        switch self {
        case .moved(_, let target), .ask(_, let target): target
        }
    }
}

extension RedisError {
    /// Whether a cluster refuses the command only for now, and nothing was done: some of the keys are being
    /// moved, or nobody holds their slot.
    public var isTemporaryInCluster: Bool {
        code == "TRYAGAIN" || code == "CLUSTERDOWN"
    }
}
