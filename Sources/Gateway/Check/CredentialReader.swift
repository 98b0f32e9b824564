import KeyFormat

/// Finds out which key a credential is, without asking the store.
///
/// An HMAC is most of what a check costs. The worker computes it once per key; from then on the key's
/// fingerprint identifies it, whether it is active (``RecordCache``) or not (``FormerKeys``).
struct CredentialReader: ~Copyable {
    enum Reading {
        case malformed
        case forged
        /// The active key of the record in a slot, by its fingerprint.
        case recognized(slot: Int)
        /// Issued here. What it is good for, its record says.
        case issued(VerifiedKey)
    }

    /// Former keys that are recognized; the clients that still send one are few.
    private static let formerMax = 16_384

    private let verifier: KeyVerifier
    private let fingerprinter = Fingerprinter()
    private let formerKeys = FormerKeys(countMax: formerMax)
    private let cache: RecordCache

    init(_ verifier: KeyVerifier, _ cache: RecordCache) {
        self.verifier = verifier
        self.cache = cache
    }

    @inline(__always)
    func read(_ credential: Span<UInt8>) -> Reading {
        guard let locator = verifier.unauthenticatedLocator(in: credential),
            let slot = cache.slot(of: locator)
        else { return verify(credential) }
        let fingerprint = fingerprinter.fingerprint(of: credential)
        if cache.isVerified(slot, fingerprint) { return .recognized(slot: slot) }
        if let key = formerKeys.key(fingerprint) { return .issued(key) }
        return verify(credential)
    }

    /// Spares a verified key its HMAC the next time.
    func remember(_ key: VerifiedKey) {
        if !cache.remember(key) { formerKeys.remember(key) }
    }

    private func verify(_ credential: Span<UInt8>) -> Reading {
        switch verifier.verdict(on: credential) {
        case .malformed: .malformed
        case .forged: .forged
        case .issued(let key):
            .issued(
                VerifiedKey(issued: key, fingerprint: fingerprinter.fingerprint(of: credential))
            )
        }
    }
}
