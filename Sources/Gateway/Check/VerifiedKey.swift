import KeyFormat

/// A key that was issued here, with the fingerprint that identifies its text from now on.
struct VerifiedKey {
    let issued: KeyVerifier.IssuedKey
    let fingerprint: Fingerprint

    var locator: Locator { issued.locator }
}
