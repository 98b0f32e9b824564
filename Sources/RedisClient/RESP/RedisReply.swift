/// A reply in version 2 of the Redis protocol.
///
/// All strings of a reply are slices of the same array.
public enum RedisReply: Equatable, Sendable {
    case status(ArraySlice<UInt8>)
    case error(ArraySlice<UInt8>)
    case integer(Int64)
    case bulk(ArraySlice<UInt8>)
    case null
    case array([RedisReply])
}

extension RedisReply {
    /// What a decoder hands out in place of a reply that exceeds its limit. Redis has no such error.
    public static let tooLong = RedisReply.error(ArraySlice("\(tooLongText)".utf8))

    private static let tooLongText: StaticString = "TOOLONG the reply is too long"

    /// Whether the reply is ``tooLong``.
    public var isTooLong: Bool {
        if case .error(let text) = self { text.spells(Self.tooLongText) } else { false }
    }

    /// Whether the reply is the status `OK`.
    public var isOK: Bool {
        if case .status(let text) = self { text.spells("OK") } else { false }
    }

    /// The error, if the reply is one.
    public var failure: RedisError? {
        if case .error(let text) = self { RedisError(text) } else { nil }
    }

    /// The elements of an array of strings, two by two; `nil` for any other reply, or if one is left over.
    public var pairs: [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)]? {
        guard case .array(let elements) = self, elements.count.isMultiple(of: 2) else {
            return nil
        }
        var pairs: [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)] = []
        pairs.reserveCapacity(elements.count / 2)
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard case .bulk(let name) = elements[index],
                case .bulk(let value) = elements[index + 1]
            else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }
}

extension Sequence<RedisReply> {
    /// The first error among replies; `nil` if none is one.
    public var firstFailure: RedisError? {
        for case .error(let text) in self { return RedisError(text) }
        return nil
    }
}

extension RedisReply {
    /// Whether Redis refuses writes because it cannot save its data. It then refuses PING as well: the error
    /// stands where the answer would.
    public var refusesWrites: Bool { failure?.code == "MISCONF" }
}

/// An error reply of Redis, safe to display and log.
public struct RedisError: Error, Equatable, Sendable {
    /// The error prefix: `WRONGTYPE`, `NOPERM`, `LOADING`, `ERR` …
    public let code: String

    /// The text, truncated and restricted to printable ASCII. It ends before the first quotation mark,
    /// because Redis may quote arguments of the command there.
    public let message: String

    private static let lengthMax = 160

    init(_ text: ArraySlice<UInt8>) {
        let printable = Self.printableBytes(text)
        let quoted = printable.firstIndex {
            $0 == UInt8(ascii: "'") || $0 == UInt8(ascii: "`") || $0 == UInt8(ascii: "\"")
        }
        message = String(decoding: printable[..<(quoted ?? printable.endIndex)], as: UTF8.self)
        code = String(decoding: printable.prefix { $0 != 0x20 }, as: UTF8.self)
    }

    /// An error in the form of Redis, for a reply that does not fit its command.
    public init(_ text: String) {
        self.init(ArraySlice(text.utf8))
    }

    /// A string of the store, truncated and restricted to printable ASCII: safe to display and log.
    public static func printable(_ text: ArraySlice<UInt8>) -> String {
        String(decoding: printableBytes(text), as: UTF8.self)
    }

    private static func printableBytes(_ text: ArraySlice<UInt8>) -> [UInt8] {
        text.prefix(lengthMax).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
    }
}
