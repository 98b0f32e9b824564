import ConsoleCore
import JWTKit

/// Verifies the signatures of tokens with jwt-kit.
///
/// Which key a token needs, and which algorithm, is decided before: a collection of jwt-kit's takes its first
/// key for a token that names an unknown one, and lets the first token choose a key's algorithm.
struct TokenSignatures: SignatureVerifier {
    private let algorithms: [String?: any JWTAlgorithm]

    /// - Throws: The ID of a key that cannot be used, and why.
    init(_ keys: WebKeySet) async throws(WebKeySet.Fault) {
        var algorithms: [String?: any JWTAlgorithm] = [:]
        for key in keys.keys {
            do {
                algorithms[key.id] = try await Self.algorithm(key)
            } catch {
                throw WebKeySet.Fault(unusable: key)
            }
        }
        self.algorithms = algorithms
    }

    func isValid(_ signature: [UInt8], of message: [UInt8], by key: WebKey) -> Bool {
        // jwt-kit throws where a signature has a wrong form.
        (try? algorithms[key.id]?.verify(signature, signs: message)) ?? false
    }

    /// Each key is alone in a collection.
    private static func algorithm(_ key: WebKey) async throws -> any JWTAlgorithm {
        let collection = JWTKeyCollection()
        let id = JWKIdentifier(string: "only")
        switch key.material {
        case .ed25519(let x):
            try await collection.add(
                jwk: .octetKeyPair(.eddsa, identifier: id, x: x, y: nil, curve: .ed25519)
            )
        case .p256(let x, let y):
            try await collection.add(jwk: .ecdsa(.es256, identifier: id, x: x, y: y, curve: .p256))
        case .rsa(let modulus, let exponent):
            try await collection.add(
                jwk: .rsa(.rs256, identifier: id, modulus: modulus, exponent: exponent)
            )
        case .secret(let bytes):
            await collection.add(hmac: HMACKey(from: bytes), digestAlgorithm: .sha256, kid: id)
        }
        return try await collection.getKey(for: id)
    }
}
