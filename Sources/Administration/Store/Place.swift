import KeyFormat
import RedisClient

/// What commands are about, and so which server of a cluster carries them out. Any other store has one place.
enum Place: Hashable, Sendable {
    /// The record of an organization, its audit, its signals and their acknowledgements.
    case record(Locator)
    /// The last uses and the refused uses of an organization.
    case uses(Locator)
    /// The membership list.
    case membership
    /// The number of flushes.
    case flushes
    /// One server, whatever it holds.
    case server(Endpoint)

    /// The slot of the keys; `nil` for a server.
    var slot: Slot? {
        switch self {
        case .record(let locator): Slot(ofTag: locator.description.utf8)
        case .uses(let locator): Slot(ofTag: locator.description.utf8.prefix(1))
        case .membership: Slot(ofTag: "gateways".utf8)
        case .flushes: Slot(ofKey: Array("latchkey:flushes".utf8))
        case .server: nil
        }
    }
}

/// Commands, and what they are about.
typealias PlacedCommands = (place: Place, commands: [RedisCommand])
