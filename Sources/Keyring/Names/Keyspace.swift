import KeyFormat

/// The names of what is stored. Everything of one organization is in one slot of a cluster.
public enum Keyspace {
    /// The hash with an organization's record.
    static func record(_ locator: Locator) -> [UInt8] { tagged(recordPrefix, locator) }

    /// The stream of what was done to an organization's record.
    static func audit(_ locator: Locator) -> [UInt8] { tagged("latchkey:audit:", locator) }

    /// The stream of what was refused.
    static func attempts(_ locator: Locator) -> [UInt8] { tagged("latchkey:attempts:", locator) }

    /// The sorted set with last uses that a locator belongs to.
    static func used(_ locator: Locator) -> [UInt8] { used(shard: shard(of: locator)) }

    /// The shard of last uses that a locator belongs to: its first digit, which is as good as
    /// random.
    public static func shard(of locator: Locator) -> UInt8 { locator.firstDigit }

    /// The sorted set with the last uses of a shard.
    static func used(shard: UInt8) -> [UInt8] { sharded("latchkey:used:", shard) }

    /// The sorted set with the numbers of refused uses that a locator belongs to.
    static func refused(_ locator: Locator) -> [UInt8] { sharded("latchkey:refused:", locator) }

    /// The sorted set with the times of last refused uses that a locator belongs to.
    static func refusedAt(_ locator: Locator) -> [UInt8] {
        sharded("latchkey:refused_at:", locator)
    }

    /// The hash with an entry for each gateway's worker.
    static let gateways = Array("latchkey:gateways".utf8)

    /// The hash with what the entries of silent workers were.
    static let suspectMembers = Array("latchkey:gateways:silent".utf8)

    /// The list of the workers that have confirmed a word.
    static func acknowledgments(_ word: some BroadcastMessage) -> [UInt8] {
        Array("latchkey:ack:\(word)".utf8)
    }

    /// What the keys of all records begin with.
    public static let recordPrefix = "latchkey:record:"

    /// Where the locator stands in the key of a record.
    static let locatorStart = recordPrefix.utf8.count + 1

    /// The locator in the key of a record, or `nil` where it is no such key.
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
