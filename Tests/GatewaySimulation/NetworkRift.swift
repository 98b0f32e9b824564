import RedisClient

/// Servers and sentinels that are apart from all others for a while, and what that means for clients.
struct NetworkRift {
    /// On which side a client is.
    enum Side {
        /// Among those that are apart.
        case inside
        /// Among the others.
        case outside
    }

    let until: Nanoseconds
    let inside: Set<Endpoint>

    /// Whether servers and sentinels do not reach each other, either.
    var isOfListeners = true

    /// Whether the clients inside reach nothing else.
    var isWhole = false

    /// The sides of some clients, and of all others. Without that, chance divides them: about half are on either side.
    var sides: [Client: Side] = [:]
    var others: Side?

    /// Decides that.
    let number: UInt64

    /// Whether a client reaches no listener at an endpoint.
    func hides(_ endpoint: Endpoint, from client: Client) -> Bool {
        let side = side(of: client)
        return inside.contains(endpoint) ? side == .outside : isWhole && side == .inside
    }

    func separates(_ one: Endpoint, from other: Endpoint) -> Bool {
        isOfListeners && inside.contains(one) != inside.contains(other)
    }

    private func side(of client: Client) -> Side {
        if let side = sides[client] ?? others { return side }
        let number =
            switch client {
            case .worker(let number): UInt64(number)
            case .administrator(let number): UInt64(number)
            case .stranger: 0 as UInt64
            }
        var chance = Chance(seed: self.number &+ number)
        return chance.percent(50) ? .outside : .inside
    }
}
