/// What a sentinel is asked.
public enum SentinelCommands {
    /// Asks where the primary is: the reply is a ``PrimaryAddress``.
    public static func primaryAddress(_ name: String) -> RedisCommand {
        RedisCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", .text(name))
    }

    /// Asks for all that the sentinel knows of the primary: the reply is a ``SentinelReport``.
    public static func primary(_ name: String) -> RedisCommand {
        RedisCommand("SENTINEL", "MASTER", .text(name))
    }

    /// Asks for the replicas: the reply is an array of ``SentinelReport``.
    public static func replicas(_ name: String) -> RedisCommand {
        RedisCommand("SENTINEL", "REPLICAS", .text(name))
    }

    /// Asks for the other sentinels: the reply is an array of ``SentinelReport``.
    public static func sentinels(_ name: String) -> RedisCommand {
        RedisCommand("SENTINEL", "SENTINELS", .text(name))
    }
}

/// Where a sentinel says that the primary is.
public enum PrimaryAddress {
    /// The endpoint in a reply; `nil` unless it is an IP address and a port: what a name leads to may change
    /// without a word from the sentinels.
    public static func endpoint(_ reply: RedisReply) -> Endpoint? {
        guard case .array(let elements) = reply, elements.count == 2,
            case .bulk(let address) = elements[0], case .bulk(let port) = elements[1]
        else { return nil }
        return Endpoint(address: address, port: port)
    }
}

/// What a sentinel reports of one server or sentinel: pairs of names and values.
public struct SentinelReport: Equatable, Sendable {
    private let values: [String: ArraySlice<UInt8>]

    /// Parses a reply; `nil` if it is none.
    public init?(_ reply: RedisReply) {
        guard let pairs = reply.pairs else { return nil }
        var values: [String: ArraySlice<UInt8>] = [:]
        for (name, value) in pairs { values[String(decoding: name, as: UTF8.self)] = value }
        self.values = values
    }

    /// Parses a reply with a report for each server; `nil` if it is none.
    public static func list(_ reply: RedisReply) -> [SentinelReport]? {
        guard case .array(let elements) = reply else { return nil }
        let reports = elements.compactMap { SentinelReport($0) }
        return reports.count == elements.count ? reports : nil
    }

    /// The value of a field, printable and truncated.
    public subscript(name: String) -> String? { values[name].map { RedisError.printable($0) } }

    /// The number in a field, capped.
    public func number(_ name: String) -> UInt64? {
        self[name].flatMap { StoreInformation.number($0) }
    }

    /// Where the server listens; `nil` unless it is an IP address and a port.
    public var address: Endpoint? {
        guard let address = values["ip"], let port = values["port"] else { return nil }
        return Endpoint(address: address, port: port)
    }

    /// The version of the sentinel's configuration: each failover has a higher one.
    public var configEpoch: UInt64? { number("config-epoch") }

    /// Number of replicas that the sentinel knows of the primary, reachable or not.
    public var replicaCount: UInt64? { number("num-slaves") }

    /// Whether the sentinel, or a majority of them, cannot reach the server.
    public var isDown: Bool { !flags.isDisjoint(with: ["s_down", "o_down", "disconnected"]) }

    /// Whether the sentinel is conducting a failover of the primary.
    public var isFailingOver: Bool {
        !flags.isDisjoint(with: ["failover_in_progress", "force_failover"])
    }

    private var flags: Set<Substring> { Set((self["flags"] ?? "").split(separator: ",")) }
}
