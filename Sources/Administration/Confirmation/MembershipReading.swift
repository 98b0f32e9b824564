import Keyring
import RedisClient

extension Membership {
    /// Reads which gateways run. Whoever may reach the store may know it: no owner, no pepper.
    public init(of configuration: Configuration) throws(AdministrationError) {
        try self.init(through: StoreConnection(admin: configuration))
    }

    init(through channel: any StoreChannel) throws(AdministrationError) {
        let reply: RedisReply
        do throws(StoreConnection.Fault) {
            reply = try channel.execute([MembershipCommands.read()])[0]
        } catch {
            throw AdministrationError(error)
        }
        do throws(RedisError) {
            try self.init(reply)
        } catch {
            throw AdministrationError(
                error.code == "NOPERM" ? .notPermitted : .store,
                "the nginx workers cannot be listed:  \(error.message)"
            )
        }
    }
}

extension KeyAdministration {
    /// The workers that run; `nil` where the store does not say.
    public func workers() -> Workers? {
        guard let reply = try? store.read([MembershipCommands.read()])[0] else { return nil }
        return (try? Membership(reply)).map { Workers($0.members) }
    }
}

/// How many workers there are, on how many machines.
public struct Workers: Equatable, Sendable, CustomStringConvertible {
    private let count: Int
    private let hosts: Int

    /// Those with these entries.
    public init(_ members: [Member]) {
        count = members.count
        hosts = Set(members.map(\.host)).count
    }

    /// Whether there is none.
    public var isEmpty: Bool { count == 0 }

    /// `2 nginx workers on 1 host`
    public var description: String {
        "\(Counted(count, "nginx worker")) on \(Counted(hosts, "host"))"
    }
}
