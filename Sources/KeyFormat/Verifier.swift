/// The part of a key that the store holds: the last 24 bytes of the HMAC of the key under the pepper.
///
/// Neither the key nor its tag can be derived from it.
public struct Verifier: Sendable {
    private var words: InlineArray<3, UInt64>

    /// A placeholder that matches no key.
    public static let none = Verifier(Digest())

    init(_ authenticator: Digest) {
        words = authenticator.last192Bits
    }

    /// Parses 48 hexadecimal digits; `nil` for anything else.
    public init?(hexadecimal text: Span<UInt8>) {
        words = InlineArray(repeating: 0)
        guard Hexadecimal.decode(text, into: &words) else { return nil }
    }

    /// Distinguishes the few keys of an organization. It can neither make nor verify a key.
    public var keyID: UInt64 { words[0] }

    /// The verifier as 48 hexadecimal digits.
    public var hexadecimal: [UInt8] { Hexadecimal.encode(words) }
}

extension Verifier: Equatable {
    /// Compares in constant time.
    public static func == (left: Verifier, right: Verifier) -> Bool {
        ConstantTime.equal(left.words, right.words)
    }
}
