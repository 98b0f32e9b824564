/// The store in the form of `latchkey_store` where sentinels name the primary:
/// `sentinel://host[:port],…/name`, or `sentinels://…` for the same with TLS.
public struct SentinelURL: Hashable, Sendable {
    /// The port registered for Sentinel.
    public static let standardPort: UInt16 = 26379

    /// The most sentinels that may be configured.
    public static let countMax = 8

    /// Longest name of a primary, in bytes.
    private static let nameLengthMax = 64

    /// The sentinels, in the configuration's order; each stands there once.
    public let sentinels: [Endpoint]

    /// What the sentinels call the primary.
    public let name: String

    /// Whether the sentinels and the servers are reached with TLS.
    public let isSecure: Bool

    /// How many of the sentinels have to agree. It counts those that are configured, answering or not.
    public var majority: Int { sentinels.count / 2 + 1 }

    /// Parses a URL; `nil` if its scheme is another one.
    init?(_ text: String) throws(StoreURL.Fault) {
        let url = try ServerListURL(
            text,
            scheme: "sentinel",
            standardPort: Self.standardPort,
            countMax: Self.countMax,
            otherwise: .sentinels
        )
        guard let url else { return nil }
        sentinels = url.servers
        name = try Self.name(url.path)
        isSecure = url.isSecure
    }

    /// Sentinel accepts the same characters.
    private static func name(_ text: ArraySlice<UInt8>) throws(StoreURL.Fault) -> String {
        guard (1...nameLengthMax).contains(text.count), text.allSatisfy(\.isNameCharacter)
        else { throw .primaryName }
        return String(decoding: text, as: UTF8.self)
    }
}
