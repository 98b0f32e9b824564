import KeyFormat

/// The names of all keys in Redis. Hash tags keep the keys of an organization in one cluster slot.
public enum Keyspace {
    /// The hash that is the record of an organization.
    static func record(_ locator: Locator) -> [UInt8] { tagged(recordPrefix, locator) }

    /// The list of completed actions on an organization.
    static func audit(_ locator: Locator) -> [UInt8] { tagged("latchkey:audit:", locator) }

    /// The list of refused actions on an organization.
    static func attempts(_ locator: Locator) -> [UInt8] { tagged("latchkey:attempts:", locator) }

    /// The sorted set with the last use of an organization.
    static func used(_ locator: Locator) -> [UInt8] { used(shard: shard(of: locator)) }

    /// The shard of an organization: the first digit of its locator, which is uniformly distributed.
    public static func shard(of locator: Locator) -> UInt8 { locator.firstDigit }

    /// The sorted set with the last uses in a shard.
    static func used(shard: UInt8) -> [UInt8] { sharded("latchkey:used:", shard) }

    /// The sorted set with the number of refused uses of an organization.
    static func refused(_ locator: Locator) -> [UInt8] { sharded("latchkey:refused:", locator) }

    /// The sorted set with the last refused use of an organization.
    static func refusedAt(_ locator: Locator) -> [UInt8] {
        sharded("latchkey:refused_at:", locator)
    }

    /// The hash that is the membership list.
    static let gateways = Array("latchkey:gateways".utf8)

    /// The hash with the memberships of workers that did not acknowledge a change.
    static let suspectMembers = Array("latchkey:gateways:silent".utf8)

    /// The list of workers that have acknowledged a message.
    static func acknowledgements(_ message: some BroadcastMessage) -> [UInt8] {
        Array("latchkey:ack:\(message)".utf8)
    }

    /// The prefix of the keys of all records.
    public static let recordPrefix = "latchkey:record:"

    /// Offset of the locator in the key of a record.
    static let locatorStart = recordPrefix.utf8.count + 1

    /// The locator in the key of a record; `nil` for any other key.
    public static func locator(ofRecord key: ArraySlice<UInt8>) -> Locator? {
        let start = locatorStart
        guard key.count == start + Locator.length + 1, key.starts(with: recordPrefix.utf8),
            key[key.startIndex + start - 1] == UInt8(ascii: "{"), key.last == UInt8(ascii: "}")
        else { return nil }
        return Locator(ascii: key.span, at: start)
    }

    private static func sharded(_ name: String, _ locator: Locator) -> [UInt8] {
        sharded(name, shard(of: locator))
    }

    private static func sharded(_ name: String, _ shard: UInt8) -> [UInt8] {
        Array(name.utf8) + [UInt8(ascii: "{"), shard, UInt8(ascii: "}")]
    }

    private static func tagged(_ name: String, _ locator: Locator) -> [UInt8] {
        var key = Array(name.utf8)
        key.append(UInt8(ascii: "{"))
        locator.append(to: &key)
        key.append(UInt8(ascii: "}"))
        return key
    }
}
