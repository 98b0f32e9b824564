/// A key that verifies signatures (RFC 7517). It is good for one algorithm, whatever a token says.
public struct WebKey: Sendable {
    /// What the signature is verified with. Numbers are in base64url.
    public enum Material: Sendable {
        case ed25519(x: String)
        case p256(x: String, y: String)
        case rsa(modulus: String, exponent: String)
        case secret([UInt8])
    }

    /// Shortest secret, in bytes: the length of the code that it makes.
    private static let secretLengthMin = 32

    /// Lengths of RSA's modulus, in bits.
    private static let rsaBits = 2048...8192

    /// What `kid` says.
    public let id: String?

    /// The only algorithm that the key is good for.
    public let algorithm: SignatureAlgorithm

    /// What the signature is verified with.
    public let material: Material

    /// `nil` if the key is for something else.
    ///
    /// - Throws: What is wrong with a key of a known kind.
    init?(_ members: [String: JSONValue]) throws(WebKeySet.Fault) {
        guard let algorithm = Self.algorithm(members) else { return nil }
        self.algorithm = algorithm
        if let id = members["kid"] {
            guard let text = id.text, !text.isEmpty else {
                throw WebKeySet.Fault("\"kid\" must be a text")
            }
            self.id = text
        } else {
            id = nil
        }
        guard algorithm == .hs256 || members["d"] == nil else {
            throw WebKeySet.Fault("it is private: only whoever signs may have it")
        }
        guard let material = Self.material(members, algorithm) else {
            throw WebKeySet.Fault(Self.requirement(algorithm))
        }
        self.material = material
    }

    /// The algorithm of a key for signatures; `nil` if it is for anything else, or for an algorithm that is not
    /// accepted.
    private static func algorithm(_ members: [String: JSONValue]) -> SignatureAlgorithm? {
        let result: SignatureAlgorithm? =
            switch (members["kty"]?.text, members["crv"]?.text) {
            case ("OKP", "Ed25519"): .edDSA
            case ("EC", "P-256"): .es256
            case ("RSA", _): .rs256
            case ("oct", _): .hs256
            default: nil
            }
        guard let result else { return nil }
        if let use = members["use"] { guard use.text == "sig" else { return nil } }
        if case .array(let uses)? = members["key_ops"] {
            guard uses.contains(.string("verify")) else { return nil }
        }
        if let name = members["alg"] {
            guard name.text.map(result.isNamed) == true else { return nil }
        }
        return result
    }

    private static func material(
        _ members: [String: JSONValue],
        _ algorithm: SignatureAlgorithm
    ) -> Material? {
        func number(_ name: String) -> (text: String, bytes: [UInt8])? {
            guard let text = members[name]?.text, let bytes = Base64URL.decode(text.utf8) else {
                return nil
            }
            return (text, bytes)
        }
        switch algorithm {
        case .hs256:
            guard let secret = number("k")?.bytes, secret.count >= secretLengthMin else {
                return nil
            }
            return .secret(secret)
        case .edDSA:
            guard let x = number("x"), x.bytes.count == 32 else { return nil }
            return .ed25519(x: x.text)
        case .es256:
            guard let x = number("x"), let y = number("y"), x.bytes.count == 32, y.bytes.count == 32
            else { return nil }
            return .p256(x: x.text, y: y.text)
        case .rs256:
            guard let modulus = number("n"), let exponent = number("e"), isStrong(modulus.bytes),
                isStrong(exponent: exponent.bytes)
            else { return nil }
            return .rsa(modulus: modulus.text, exponent: exponent.text)
        }
    }

    private static func isStrong(_ modulus: [UInt8]) -> Bool {
        guard let first = modulus.first, first != 0, let last = modulus.last else { return false }
        return last & 1 == 1 && rsaBits.contains(modulus.count * 8 - first.leadingZeroBitCount)
    }

    /// Whether it is an odd number from 65,537 to 32 bits.
    private static func isStrong(exponent: [UInt8]) -> Bool {
        guard (3...4).contains(exponent.count), exponent[0] != 0 else { return false }
        let value = exponent.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return value >= 65_537 && value & 1 == 1
    }

    private static func requirement(_ algorithm: SignatureAlgorithm) -> String {
        switch algorithm {
        case .hs256: "\"k\" must be a secret of at least \(secretLengthMin) bytes in base64url"
        case .edDSA: "\"x\" must be 32 bytes in base64url"
        case .es256: "\"x\" and \"y\" must be 32 bytes each in base64url"
        case .rs256:
            "\"n\" must have \(rsaBits.lowerBound) to \(rsaBits.upperBound) bits, and \"e\" must be 65537 "
                + "or a larger odd number, both in base64url"
        }
    }
}
