/// The header fields of every page and of every JSON answer.
struct PageHeaders {
    private let settings: ConsoleSettings

    init(_ settings: ConsoleSettings) {
        self.settings = settings
    }

    /// The fields of an answer for one user.
    var fields: [(name: String, value: String)] {
        [
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", policy),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "same-origin"),
            ("X-Content-Type-Options", "nosniff"),
            ("Permissions-Policy", "clipboard-write=(self)"),
            ("Vary", "Accept, Accept-Language"),
        ] + (settings.frameAncestors.isEmpty ? [("X-Frame-Options", "DENY")] : [])
    }

    /// The fields of a file that is the same for all, and never changes under its name.
    static let immutable: [(name: String, value: String)] = [
        ("Cache-Control", "public, max-age=31536000, immutable"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
    ]

    private var policy: String {
        let ancestors =
            settings.frameAncestors.isEmpty
            ? "'none'" : settings.frameAncestors.joined(separator: " ")
        return [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
            "connect-src 'self'", "form-action 'self'", "base-uri 'none'",
            "frame-ancestors \(ancestors)", "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ].joined(separator: "; ")
    }
}
