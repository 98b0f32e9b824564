import KeyFormat

/// The names of all keys in Redis. Hash tags keep the keys of an organization in one cluster slot.
public enum Keyspace {
    /// The hash that is the record of an organization.
    static func record(_ locator: Locator) -> [UInt8] { tagged(recordPrefix, locator.ascii) }

    /// The list of completed actions on an organization.
    static func audit(_ locator: Locator) -> [UInt8] { tagged("latchkey:audit:", locator.ascii) }

    /// The list of refused actions on an organization.
    static func attempts(_ locator: Locator) -> [UInt8] {
        tagged("latchkey:attempts:", locator.ascii)
    }

    /// The sorted set with the last use of an organization.
    static func used(_ locator: Locator) -> [UInt8] { used(shard: shard(of: locator)) }

    /// The shard of an organization: the first digit of its locator, which is uniformly distributed.
    public static func shard(of locator: Locator) -> UInt8 { locator.firstDigit }

    /// The sorted set with the last uses in a shard.
    static func used(shard: UInt8) -> [UInt8] { tagged("latchkey:used:", [shard]) }

    /// The sorted set with the number of refused uses of an organization.
    static func refused(_ locator: Locator) -> [UInt8] {
        tagged("latchkey:refused:", [shard(of: locator)])
    }

    /// The sorted set with the last refused use of an organization.
    static func refusedAt(_ locator: Locator) -> [UInt8] {
        tagged("latchkey:refused_at:", [shard(of: locator)])
    }

    /// The hash that is the membership list.
    static let gateways = Array("latchkey:{gateways}".utf8)

    /// The number of flushes in the current window.
    static let flushes = Array("latchkey:flushes".utf8)

    /// The list of workers that have acknowledged a signal.
    static func acknowledgements(_ signal: Signal) -> [UInt8] {
        tagged("latchkey:ack:", signal.locator.ascii) + [UInt8(ascii: ":")] + signal.id.digits
    }

    /// The prefix of the keys of all records.
    package static let recordPrefix = "latchkey:record:"

    /// Offset of the locator in the key of a record.
    static let locatorStart = recordPrefix.utf8.count + 1

    /// Length of the key of a record.
    static let recordLength = locatorStart + Locator.length + 1

    /// The locator in the key of a record; `nil` for any other key.
    public static func locator(ofRecord key: ArraySlice<UInt8>) -> Locator? {
        let start = locatorStart
        guard key.count == recordLength, key.starts(with: recordPrefix.utf8),
            key[key.startIndex + start - 1] == UInt8(ascii: "{"), key.last == UInt8(ascii: "}")
        else { return nil }
        return Locator(ascii: key.span, at: start)
    }

    private static func tagged(_ name: String, _ tag: [UInt8]) -> [UInt8] {
        Array(name.utf8) + [UInt8(ascii: "{")] + tag + [UInt8(ascii: "}")]
    }
}
