import KeyFormat
import Keyring

@testable import Gateway

/// The pepper of a world, and keys minted with it and without it.
struct WorldSecrets {
    let peppers: PepperRing
    private let text: [UInt8]
    private let forger: KeyMint

    init() throws {
        text = Array(String(repeating: "0a", count: 32).utf8)
        peppers = try Self.ring(text)
        let others = try Self.ring(Array(String(repeating: "0b", count: 32).utf8))
        forger = KeyMint(prefix: .standard, pepper: others.current)
    }

    private static func ring(_ text: [UInt8]) throws -> PepperRing {
        try PepperRing(contents: SecretBytes(copying: text.span))
    }

    /// The secrets as the master passes them to its workers.
    func gatewaySecrets(_ configuration: Configuration) throws -> GatewaySecrets {
        let packed = [0, UInt8(text.count)] + text
        return try GatewaySecrets(packed: SecretBytes(copying: packed.span), configuration)
    }

    /// The verifier that the store would hold for a key.
    func verifier(of text: [UInt8]) -> String? {
        let verifier = KeyVerifier(prefix: .standard, peppers: peppers)
        guard case .issued(let key) = verifier.verdict(on: text.span) else { return nil }
        return String(decoding: key.verifier.hexadecimal, as: UTF8.self)
    }

    /// A key that was issued here and never stored.
    func strayKey(for organization: Organization) -> [UInt8] {
        Self.bytes(KeyMint(prefix: .standard, pepper: peppers.current), organization)
    }

    /// A key minted with another pepper.
    func forgedKey(for organization: Organization) -> [UInt8] { Self.bytes(forger, organization) }

    private static func bytes(_ mint: KeyMint, _ organization: Organization) -> [UInt8] {
        bytes(mint.mint(for: organization.locator).text)
    }

    static func bytes(_ text: borrowing SecretBytes) -> [UInt8] {
        text.withSpan { span in span.indices.map { span[$0] } }
    }
}
