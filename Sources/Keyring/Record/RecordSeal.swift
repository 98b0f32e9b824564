import KeyFormat

/// The proof that a record was written by an executable that has the pepper: `mac`.
///
/// HMAC-SHA-256 under a pepper over the label `latchkey record`, a zero byte, and every other field
/// in the order of ``RecordField``: its length as four bytes, big-endian, and its text; `FF FF FF
/// FF` for a field that is not stored. No key begins like the label, so a seal is never the digest
/// of a key.
public struct RecordSeal {
    private static let label = Array("latchkey record\0".utf8)

    private let peppers: PepperRing

    /// Seals with a ring's current pepper, believes seals made with any of its peppers.
    public init(peppers: PepperRing) {
        self.peppers = peppers
    }

    /// The seal of a record, as it is stored.
    func mac(of record: KeyRecord) -> [UInt8] {
        peppers.current.authenticator(of: Self.message(record.sealedTexts).span).hexadecimal
    }

    /// Whether a record's seal is right for all its other fields as they are stored.
    func isIntact(_ stored: StoredRecord) -> Bool { pepper(of: stored) != nil }

    /// The place in the ring of the pepper with which a record was sealed; `nil` where none of them
    /// made the seal.
    func pepper(of stored: StoredRecord) -> Int? {
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
