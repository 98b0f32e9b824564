/// A reply of the Redis protocol, version 2.
///
/// Texts are slices of one array that all texts of a reply share.
public enum RedisReply: Equatable, Sendable {
    case status(ArraySlice<UInt8>)
    case error(ArraySlice<UInt8>)
    case integer(Int64)
    case bulk(ArraySlice<UInt8>)
    case null
    case array([RedisReply])
}

extension RedisReply {
    /// Whether this is the status `OK`.
    public var isOK: Bool {
        if case .status(let text) = self { text.spells("OK") } else { false }
    }

    /// The error that Redis gave, if it gave one.
    public var failure: RedisError? {
        if case .error(let text) = self { RedisError(text) } else { nil }
    }
}

/// An error that Redis gave as its reply, fit to be shown and logged.
public struct RedisError: Error, Equatable, Sendable {
    /// The first word: `WRONGTYPE`, `NOPERM`, `LOADING`, `ERR` …
    public let code: String

    /// The text: printable ASCII, shortened, and without the arguments that Redis may repeat in it.
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

    /// An error that Redis did not give, in its form: a reply that is not what was asked.
    public init(_ text: String) {
        self.init(ArraySlice(text.utf8))
    }

    /// A text of the store's, fit to be shown and logged: printable ASCII, shortened.
    public static func printable(_ text: ArraySlice<UInt8>) -> String {
        String(decoding: printableBytes(text), as: UTF8.self)
    }

    private static func printableBytes(_ text: ArraySlice<UInt8>) -> [UInt8] {
        text.prefix(lengthMax).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
    }
}
