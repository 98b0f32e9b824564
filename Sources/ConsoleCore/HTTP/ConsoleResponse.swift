import KeyFormat

/// A response. It may hold a key, so it has a single owner.
public struct ConsoleResponse: ~Copyable {
    /// The status code.
    public let status: Int

    /// The header fields, without `Content-Length`.
    public internal(set) var headers: [(name: String, value: String)]

    /// The body up to the key, if there is one.
    let before: [UInt8]

    /// The key that the body hands over; empty if it hands over none.
    let key: SecretBytes

    /// Whether the body hands over a key.
    public let hasKey: Bool

    /// The body after the key.
    let after: [UInt8]

    /// Whether only the header is sent.
    public internal(set) var isHeadOnly = false

    init(
        _ status: Int,
        type: String? = nil,
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) {
        self.status = status
        self.headers = (type.map { [("Content-Type", $0)] } ?? []) + headers
        before = body
        key = SecretBytes(capacity: 0) { _ in }
        hasKey = false
        after = []
    }

    /// A response that hands over a key.
    ///
    /// - Parameter template: The body, with ``keyPlace`` where the key belongs.
    init(
        _ status: Int,
        type: String,
        headers: [(name: String, value: String)],
        template: String,
        key: consuming SecretBytes
    ) {
        self.status = status
        self.headers = [("Content-Type", type)] + headers
        let bytes = Array(template.utf8)
        let place = bytes.firstIndex(of: 0) ?? bytes.endIndex
        before = Array(bytes[..<place])
        after = Array(bytes[place...].dropFirst())
        self.key = key
        hasKey = true
    }

    /// Stands for the key in a template. No other part of a page or of JSON has this character.
    static let keyPlace = "\u{0}"

    /// Length of the body, in bytes, also if only the header is sent.
    public var length: Int { before.count + key.count + after.count }

    /// Passes the parts of the body to `write`, in order.
    public func writeBody(_ write: (Span<UInt8>) -> Void) {
        write(before.span)
        key.withSpan(write)
        write(after.span)
    }
}
