import CHiredis

extension ArraySlice<UInt8> {
    /// Whether the bytes equal those of a literal.
    public func spells(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return withUnsafeBytes { bytes in
            bytes.baseAddress.map { memcmp($0, text.utf8Start, bytes.count) == 0 } ?? true
        }
    }
}
