import KeyFormat

/// A key that was issued here, and by what its text is recognized the next time.
struct VerifiedKey {
    let issued: KeyVerifier.IssuedKey
    let fingerprint: Fingerprint

    var locator: Locator { issued.locator }
}
