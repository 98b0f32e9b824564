import Keyring
import RedisClient

extension Membership {
    /// Reads the running workers. This needs access to the store, but no owner and no pepper.
    ///
    /// - Throws: An error if the store cannot be reached, or refuses.
    public init(of configuration: Configuration) throws(AdministrationError) {
        try self.init(through: StoreOpening.store(configuration))
    }

    init(through channel: any StoreChannel) throws(AdministrationError) {
        let reply = try translatingStoreFault(
            try channel.at(.membership).execute([Membership.read])[0]
        )
        self = try translating(try Membership(reply)) { (error: RedisError) in
            AdministrationError(refused: "the nginx workers cannot be listed", error)
        }
    }
}

/// How many workers there are, on how many hosts.
public struct Workers: Equatable, Sendable, CustomStringConvertible {
    /// How many there are.
    public let count: Int
    private let hosts: Int

    /// Counts members.
    public init(_ members: [Member]) {
        count = members.count
        hosts = Set(members.map(\.host)).count
    }

    /// Whether there are none.
    public var isEmpty: Bool { count == 0 }

    /// `2 nginx workers on 1 host`
    public var description: String {
        "\(Counted(count, "nginx worker")) on \(Counted(hosts, "host"))"
    }
}
