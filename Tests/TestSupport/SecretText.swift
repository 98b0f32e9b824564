import KeyFormat

extension String {
    /// The text as a secret.
    public var secret: SecretBytes { SecretBytes(copying: Array(utf8).span) }
}

extension SecretBytes {
    /// A copy of the bytes, which only tests may make.
    public var bytes: [UInt8] { withSpan { span in span.indices.map { span[$0] } } }
}
