import KeyFormat
import RedisClient

/// A message to all workers about one organization: the invalidation of a key that is set and deleted
/// at once.
///
/// The workers track its name, because it begins like those of records. Sent in the transaction of a
/// change, it arrives in one message with the invalidation of the record; sent later, after it.
public struct Signal: Equatable, Sendable {
    /// The meaning of a signal.
    public enum Kind: Sendable {
        /// The record has changed. A worker that acknowledges a barrier has dropped what it cached before.
        case barrier
        /// The last uses of the organization's keys are asked for. A worker that acknowledges a flush
        /// has written them, so the store is then no older than the flush.
        case flush
    }

    /// Marks the name of a flush.
    private static let flushMark = UInt8(ascii: "?")
    private static let separator = UInt8(ascii: ":")

    /// The meaning.
    public let kind: Kind
    /// The organization.
    public let locator: Locator
    /// Unique to this signal.
    public let id: SignalID

    /// A signal to be sent.
    ///
    /// - Parameter id: Unique to this signal.
    public init(_ kind: Kind, about locator: Locator, id: SignalID) {
        self.kind = kind
        self.locator = locator
        self.id = id
    }

    /// Parses the name of an invalidated key; `nil` if it is not a signal.
    init?(key: ArraySlice<UInt8>) {
        let start = key.startIndex + Keyspace.recordLength
        let mark = key.count - Keyspace.recordLength - 1 - SignalID.length
        guard mark == 0 || mark == 1, key[start] == Self.separator,
            mark == 0 || key[start + 1] == Self.flushMark,
            let locator = Keyspace.locator(ofRecord: key[..<start]),
            let id = SignalID(key.suffix(SignalID.length))
        else { return nil }
        self.init(mark == 0 ? .barrier : .flush, about: locator, id: id)
    }

    /// The commands that send the signal, to be carried out in one transaction.
    public var commands: [RedisCommand] {
        [RedisCommand("SET", .bytes(key), ""), RedisCommand("DEL", .bytes(key))]
    }

    /// The commands that send the signal in a transaction of its own.
    public var transaction: [RedisCommand] {
        [RedisCommand("MULTI")] + commands + [RedisCommand("EXEC")]
    }

    /// The commands that send the signal without a transaction, which a cluster would refuse in a slot that is being
    /// moved. If the connection is lost after the first one, the key expires.
    public var separateCommands: [RedisCommand] {
        [RedisCommand("SET", .bytes(key), "", "PX", "1000"), RedisCommand("DEL", .bytes(key))]
    }

    private var key: [UInt8] {
        let mark = kind == .flush ? [Self.separator, Self.flushMark] : [Self.separator]
        return Keyspace.record(locator) + mark + id.digits
    }
}

// MARK: - Acknowledgements

extension Signal {
    /// Lifetime of a list of acknowledgements, in seconds.
    private static let expirySeconds: RedisCommand.Argument = "60"

    /// Acknowledges the signal on behalf of a worker.
    public func acknowledge(by worker: Member.ID) -> [RedisCommand] {
        let key = RedisCommand.Argument.bytes(Keyspace.acknowledgements(self))
        return [
            RedisCommand("RPUSH", key, .text(worker.description)),
            RedisCommand("EXPIRE", key, Self.expirySeconds),
        ]
    }

    /// Blocks until a worker acknowledges, or for that many milliseconds; ``acknowledgements(_:)`` parses
    /// the reply.
    public func awaitAcknowledgement(milliseconds: UInt64) -> RedisCommand {
        let fraction = String(milliseconds % 1000)
        let zeros = String(repeating: "0", count: 3 - fraction.utf8.count)
        return RedisCommand(
            "BLPOP",
            .bytes(Keyspace.acknowledgements(self)),
            "\(milliseconds / 1000).\(zeros)\(fraction)"
        )
    }

    /// A write beside the signal that changes nothing and tells nobody: Redis' WAIT after it speaks of all that
    /// was written before.
    public var touch: [RedisCommand] {
        let key = RedisCommand.Argument.bytes(Keyspace.acknowledgements(self))
        return [
            RedisCommand("MULTI"), RedisCommand("RPUSH", key, "-"), RedisCommand("LPOP", key),
            RedisCommand("EXEC"),
        ]
    }

    /// Pops the acknowledgements that have arrived; ``acknowledgements(_:)`` parses the reply.
    public var popAcknowledgements: RedisCommand {
        RedisCommand("LPOP", .bytes(Keyspace.acknowledgements(self)), "1000")
    }

    /// The workers in a reply; empty if none has acknowledged. BLPOP also returns the name of the list,
    /// which is skipped.
    public func acknowledgements(_ reply: RedisReply) -> [Member.ID] {
        guard case .array(let elements) = reply else { return [] }
        let key = Keyspace.acknowledgements(self)
        return elements.compactMap { element in
            guard case .bulk(let text) = element, !text.elementsEqual(key) else { return nil }
            return Member.ID(text)
        }
    }
}
