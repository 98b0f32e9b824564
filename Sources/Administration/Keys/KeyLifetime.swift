/// How long new keys live, and how long the previous ones stay valid.
public struct KeyLifetime: Equatable, Sendable {
    /// After how many milliseconds a key expires; `nil` for never.
    public let expiresInMilliseconds: UInt64?

    /// For how many milliseconds the previous key stays valid.
    public let graceMilliseconds: UInt64

    /// A lifetime; by default a key never expires, and the previous one is invalid at once.
    public init(expiresInMilliseconds span: UInt64? = nil, graceMilliseconds grace: UInt64 = 0) {
        expiresInMilliseconds = span
        graceMilliseconds = grace
    }
}
