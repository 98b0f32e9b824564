import KeyFormat

/// Seals records with a MAC, which proves that they were written by an executable that has the pepper.
///
/// The seal is the HMAC-SHA-256 under a pepper of the label `latchkey record`, a zero byte, and every
/// other field in the order of ``RecordField``: its length as four big-endian bytes, then its value;
/// `FF FF FF FF` for a field that is not stored. No key begins like the label, so a seal is never the
/// digest of a key.
public struct RecordSeal {
    private static let label = Array("latchkey record\0".utf8)

    private let peppers: PepperRing

    /// Makes seals with the current pepper of a ring, and accepts seals of all its peppers.
    public init(peppers: PepperRing) {
        self.peppers = peppers
    }

    /// The seal of a record, in the form in which it is stored.
    func mac(of record: KeyRecord) -> [UInt8] {
        peppers.current.authenticator(of: Self.message(record.sealedTexts).span).hexadecimal
    }

    /// The index in the ring of the pepper that sealed a record; `nil` if none of them did.
    public func pepperIndex(of stored: StoredRecord) -> Int? {
        guard let text = stored[.mac], let mac = Digest(hexadecimal: text.span) else { return nil }
        let message = Self.message(RecordField.sealed.map { stored[$0] })
        return peppers.peppers.firstIndex { $0.authenticator(of: message.span) == mac }
    }

    private static func message(_ texts: [(some Collection<UInt8>)?]) -> [UInt8] {
        var message = label
        for text in texts {
            append(text.map { UInt32(truncatingIfNeeded: $0.count) } ?? .max, to: &message)
            if let text { message.append(contentsOf: text) }
        }
        return message
    }

    private static func append(_ length: UInt32, to message: inout [UInt8]) {
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            message.append(UInt8(truncatingIfNeeded: length >> shift))
        }
    }
}
