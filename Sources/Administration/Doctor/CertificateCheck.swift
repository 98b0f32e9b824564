import Keyring

/// Whether certificates end soon.
enum CertificateCheck {
    /// A certificate that has fewer days left is reported.
    private static let daysMin: Int64 = 14

    private static let dayMilliseconds: Int64 = 86_400_000

    /// - Parameters:
    ///   - chain: The certificates by which a server proved itself, its own first.
    ///   - server: What it is: the store or a sentinel.
    static func findings(
        of chain: [Certificate],
        _ server: String = "store",
        now: UnixTime = SystemClock.unixTime()
    ) -> [Finding] {
        guard let own = chain.first else { return [] }
        let authority = chain.dropFirst().min { $0.endsAt < $1.endsAt }
        return [
            finding("\(server).certificate", "the \(server)'s certificate", own, now),
            authority.map {
                finding(
                    "\(server).authority",
                    "the certificate of the \(server)'s authority",
                    $0,
                    now
                )
            },
        ].compactMap { $0 }
    }

    /// - Parameter which: Whose it is, as the beginning of a sentence.
    static func finding(
        _ check: String,
        _ which: String,
        _ certificate: Certificate,
        _ now: UnixTime = SystemClock.unixTime()
    ) -> Finding {
        let left = certificate.endsAt.milliseconds - now.milliseconds
        let days = left / dayMilliseconds
        let end = left < 0 ? "has expired" : "ends in \(Counted(days, "day"))"
        let text = "\(which) (\(certificate.names)) \(end)"
        guard left < daysMin * dayMilliseconds else { return .ok(check, text) }
        return .fault(
            check,
            text,
            "renew it: once it has ended, no command and no gateway reaches the store"
        )
    }
}
