/// Identifies a verified key at a fraction of an HMAC's cost: SipHash-2-4 with 128 bits (Aumasson and
/// Bernstein, 2012) under a random secret of this worker.
///
/// Without the secret, a second text with the same fingerprint cannot be found, nor the text recovered.
struct Fingerprint: Sendable {
    private let low: UInt64
    private let high: UInt64

    fileprivate init(_ low: UInt64, _ high: UInt64) {
        self.low = low
        self.high = high
    }

    /// No text's fingerprint.
    static let none = Fingerprint(0, 0)

    /// A hash for tables. It cannot be chosen without the secret.
    @inline(__always)
    var tableHash: UInt64 { low }
}

extension Fingerprint: Equatable {
    /// Compares in constant time.
    @inline(__always)
    static func == (left: Fingerprint, right: Fingerprint) -> Bool {
        (left.low ^ right.low) | (left.high ^ right.high) == 0
    }
}

/// Computes fingerprints.
struct Fingerprinter: Sendable {
    private let secret: (UInt64, UInt64)

    /// A fingerprinter with a secret of its own.
    init() {
        self.init(secret: (.random(in: .min ... .max), .random(in: .min ... .max)))
    }

    init(secret: (UInt64, UInt64)) {
        self.secret = secret
    }

    /// The fingerprint of a text of any length.
    @inline(__always)
    func fingerprint(of text: Span<UInt8>) -> Fingerprint {
        var state = SipState(secret)
        text.withUnsafeBytes { bytes in
            let wholeWords = bytes.count & ~7
            for offset in stride(from: 0, to: wholeWords, by: 8) {
                state.absorb(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
            var last = UInt64(truncatingIfNeeded: bytes.count) << 56
            for offset in wholeWords..<bytes.count {
                last |= UInt64(bytes[offset]) << UInt64(8 * (offset & 7))
            }
            state.absorb(last)
        }
        return state.finish()
    }
}

/// The four words that SipHash stirs.
private struct SipState {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64

    @inline(__always)
    init(_ secret: (UInt64, UInt64)) {
        v0 = secret.0 ^ 0x736F_6D65_7073_6575
        v1 = secret.1 ^ 0x646F_7261_6E64_6F6D ^ 0xEE
        v2 = secret.0 ^ 0x6C79_6765_6E65_7261
        v3 = secret.1 ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    mutating func absorb(_ word: UInt64) {
        let word = UInt64(littleEndian: word)
        v3 ^= word
        stir()
        stir()
        v0 ^= word
    }

    @inline(__always)
    mutating func finish() -> Fingerprint {
        v2 ^= 0xEE
        for _ in 0..<4 { stir() }
        let low = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xDD
        for _ in 0..<4 { stir() }
        return Fingerprint(low, v0 ^ v1 ^ v2 ^ v3)
    }

    @inline(__always)
    private mutating func stir() {
        v0 &+= v1
        v1 = v1.rotated(13) ^ v0
        v0 = v0.rotated(32)
        v2 &+= v3
        v3 = v3.rotated(16) ^ v2
        v0 &+= v3
        v3 = v3.rotated(21) ^ v0
        v2 &+= v1
        v1 = v1.rotated(17) ^ v2
        v2 = v2.rotated(32)
    }
}

extension UInt64 {
    @inline(__always)
    fileprivate func rotated(_ count: UInt64) -> UInt64 { self << count | self >> (64 - count) }
}
