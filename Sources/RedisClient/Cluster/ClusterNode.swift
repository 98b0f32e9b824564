/// A server of a cluster, as the cluster announces it.
public struct ClusterNode: Hashable, Sendable {
    /// Longest name, in bytes.
    private static let idLengthMax = 64

    /// Where it listens: an IP address and a port.
    public let address: Endpoint

    /// The name that it has in the cluster, as long as it belongs to it.
    public let id: String

    /// A server of a cluster.
    public init(address: Endpoint, id: String) {
        self.address = address
        self.id = id
    }

    /// Parses an element of the reply to `CLUSTER SLOTS`: address, port, name, and more.
    ///
    /// - Parameter asked: The server that was asked, whose address stands for an omitted one.
    init(_ reply: RedisReply, from asked: Endpoint) throws(SlotMap.Fault) {
        guard case .array(let elements) = reply, elements.count >= 3,
            case .integer(let number) = elements[1], let port = UInt16(exactly: number), port > 0,
            case .bulk(let id) = elements[2], (1...Self.idLengthMax).contains(id.count)
        else { throw .malformed }
        let host: ArraySlice<UInt8>
        switch elements[0] {
        case .bulk(let text): host = text
        case .null: host = []
        default: throw .malformed
        }
        guard let address = asked.announced(host, port: port) else { throw .hostName }
        self.address = address
        self.id = RedisError.printable(id)
    }
}

extension Endpoint {
    /// The endpoint that a server of a cluster announces; `nil` for a host name, because what that leads to may
    /// change without a word from the cluster.
    ///
    /// - Parameter host: An IP address; if it is empty, the one of this endpoint is meant.
    func announced(_ host: ArraySlice<UInt8>, port: UInt16) -> Endpoint? {
        guard !host.isEmpty else {
            guard case .tcp(let own, _) = self, isIPAddress else { return nil }
            return .tcp(host: own, port: port)
        }
        return Endpoint(address: host, port: ArraySlice(String(port).utf8))
    }

    /// The same of `host:port`. The colon before the port is the last one: Redis writes IPv6 addresses without
    /// brackets.
    func announced(_ text: ArraySlice<UInt8>) -> Endpoint? {
        guard let colon = text.lastIndex(of: UInt8(ascii: ":")),
            let number = text[colon...].dropFirst().smallNumber,
            let port = UInt16(exactly: number), port > 0
        else { return nil }
        return announced(text[..<colon], port: port)
    }
}
