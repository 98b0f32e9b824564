import KeyFormat

/// The names of what is stored. Everything of one organization is in one slot of a cluster.
public enum Keyspace {
    /// The hash with an organization's record.
    static func record(_ locator: Locator) -> [UInt8] { tagged("latchkey:record:", locator) }

    /// The stream of what was done to an organization's record.
    static func audit(_ locator: Locator) -> [UInt8] { tagged("latchkey:audit:", locator) }

    /// The sorted set with last uses that a locator belongs to.
    static func used(_ locator: Locator) -> [UInt8] { used(shard: shard(of: locator)) }

    /// The shard of last uses that a locator belongs to: its first digit, which is as good as
    /// random.
    static func shard(of locator: Locator) -> UInt8 { locator.ascii[0] }

    /// The sorted set with the last uses of a shard.
    static func used(shard: UInt8) -> [UInt8] {
        Array("latchkey:used:{".utf8) + [shard, UInt8(ascii: "}")]
    }

    private static func tagged(_ name: String, _ locator: Locator) -> [UInt8] {
        var key = Array(name.utf8)
        key.append(UInt8(ascii: "{"))
        locator.append(to: &key)
        key.append(UInt8(ascii: "}"))
        return key
    }
}
