import TestSupport

@testable import KeyFormat

/// A verdict that is comparable and printable.
enum Outcome: Equatable {
    case malformed
    case forged
    case issued(locator: String, verifier: String)

    init(_ verdict: KeyVerifier.Verdict) {
        switch verdict {
        case .malformed: self = .malformed
        case .forged: self = .forged
        case .issued(let key):
            self = .issued(
                locator: key.locator.description,
                verifier: String(decoding: key.verifier.hexadecimal, as: UTF8.self)
            )
        }
    }

    var isIssued: Bool {
        if case .issued = self { true } else { false }
    }
}

/// The secrets, verifier and mint of one installation.
struct Installation {
    let peppers: PepperRing
    let prefix: KeyPrefix
    let verifier: KeyVerifier
    let mint: KeyMint

    init(prefix: String = "lk", pepperFile: String = String(repeating: "0a", count: 32)) throws {
        self.prefix = try prefix.keyPrefix
        peppers = try PepperRing(contents: pepperFile.secret)
        verifier = KeyVerifier(prefix: self.prefix, peppers: peppers)
        mint = KeyMint(prefix: self.prefix, pepper: peppers.current)
    }

    func outcome(_ text: [UInt8]) -> Outcome { Outcome(verifier.verdict(on: text.span)) }

    func outcome(_ text: String) -> Outcome { outcome(Array(text.utf8)) }

    /// The text of a new key, which only tests may copy out of `SecretBytes`.
    func mintText(for organization: String) -> [UInt8] {
        mint.mint(for: Locator(organization: organization.utf8)).text.bytes
    }
}

struct NotAPrefix: Error {}

extension String {
    var keyPrefix: KeyPrefix {
        get throws {
            guard let prefix = KeyPrefix(utf8) else { throw NotAPrefix() }
            return prefix
        }
    }
}

extension Digest {
    init?(_ text: [UInt8]) { self.init(hexadecimal: text.span) }
}

extension Verifier {
    init?(_ text: [UInt8]) { self.init(hexadecimal: text.span) }
}

extension Locator {
    init?(_ text: [UInt8], at offset: Int = 0) { self.init(ascii: text.span, at: offset) }
}
