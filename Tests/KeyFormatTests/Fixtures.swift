@testable import KeyFormat

/// A verdict that can be compared and printed.
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

    /// A new key's text, which only tests may hold outside of `SecretBytes`.
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

    var secret: SecretBytes { SecretBytes(copying: Array(utf8).span) }
}

extension SecretBytes {
    var bytes: [UInt8] { withSpan { span in span.indices.map { span[$0] } } }
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
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
