/// What the store keeps of a key: the last 24 bytes of the key's HMAC under the pepper.
///
/// Neither the key nor its tag can be made from it.
public struct Verifier: Sendable {
    private var words: InlineArray<3, UInt64>

    /// No key's verifier: a place to be written to.
    public static let none = Verifier(Digest())

    init(_ authenticator: Digest) {
        words = authenticator.last192Bits
    }

    /// A verifier that was stored as 48 hexadecimal digits, or `nil` for anything else.
    public init?(hexadecimal text: Span<UInt8>) {
        words = InlineArray(repeating: 0)
        guard Hexadecimal.decode(text, into: &words) else { return nil }
    }

    /// Tells the few keys of one organization apart; no key can be made or checked with it.
    public var keyID: UInt64 { words[0] }

    /// The verifier as 48 hexadecimal digits.
    public var hexadecimal: [UInt8] { Hexadecimal.encode(words) }
}

extension Verifier: Equatable {
    /// Compares in a time that does not depend on where the values differ.
    public static func == (left: Verifier, right: Verifier) -> Bool {
        ConstantTime.equal(left.words, right.words)
    }
}
