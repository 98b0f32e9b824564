import Keyring
import RedisClient

extension Fleet {
    /// Reads which gateways run. Whoever may reach the store may know it: no owner, no pepper.
    public init(of configuration: Configuration) throws(AdministrationError) {
        try self.init(through: StoreConnection(admin: configuration))
    }

    init(through channel: any StoreChannel) throws(AdministrationError) {
        let reply: RedisReply
        do throws(StoreConnection.Fault) {
            reply = try channel.execute([FleetCommands.read()])[0]
        } catch {
            throw AdministrationError(error)
        }
        do throws(RedisError) {
            try self.init(reply)
        } catch {
            throw AdministrationError(
                error.code == "NOPERM" ? .notPermitted : .store,
                "the gateways cannot be read: \(error.message)"
            )
        }
    }
}

extension KeyAdministration {
    /// How many gateways run; `nil` where the store does not say.
    public func gatewayCount() -> Int? {
        guard let reply = try? store.read([FleetCommands.read()])[0] else { return nil }
        return (try? Fleet(reply))?.entries.count
    }
}
