@testable import ConsoleCore

/// Signs tokens for ``StandInVerifier``: a signature names the algorithm and the key.
struct TokenSigner: Sendable {
    let algorithm: SignatureAlgorithm
    let id: String?

    /// The members of the key besides `kid`.
    let members: String

    static let ed25519 = TokenSigner(
        .edDSA,
        "ed",
        #""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#
    )
    static let p256 = TokenSigner(
        .es256,
        "ec",
        #""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
            + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#
    )
    static let rsa = TokenSigner(.rs256, "rsa", #""kty":"RSA","n":"\#(modulus())","e":"AQAB""#)
    static let secret = TokenSigner(
        .hs256,
        "hs",
        #""kty":"oct","k":"\#(encoded([UInt8](0..<32)))""#
    )
    static let all = [ed25519, p256, rsa, secret]

    init(_ algorithm: SignatureAlgorithm, _ id: String?, _ members: String) {
        self.algorithm = algorithm
        self.id = id
        self.members = members
    }

    /// The same key with another ID.
    func named(_ id: String?) -> TokenSigner { TokenSigner(algorithm, id, members) }

    /// A number of so many bytes that could be a modulus.
    static func modulus(length: Int = 256) -> String {
        encoded([0x80] + [UInt8](repeating: 1, count: length - 1))
    }

    /// The key as an element of a set.
    var key: String { "{\(members)\(id.map { ",\"kid\":\"\($0)\"" } ?? "")}" }

    /// A signed token.
    ///
    /// - Parameter header: What to say instead of the truth.
    func token(_ claims: String, header: String? = nil) -> String {
        let name = id.map { ",\"kid\":\"\($0)\"" } ?? ""
        let header = header ?? "{\"alg\":\"\(algorithm.rawValue)\"\(name)}"
        let message = encoded(Array(header.utf8)) + "." + encoded(Array(claims.utf8))
        return message + "." + encoded(StandInVerifier.signature(message, algorithm, id))
    }
}

/// Stands in for cryptography.
struct StandInVerifier: SignatureVerifier {
    func isValid(_ signature: [UInt8], of message: [UInt8], by key: WebKey) -> Bool {
        signature == Self.signature(String(decoding: message, as: UTF8.self), key.algorithm, key.id)
    }

    static func signature(_ message: String, _ algorithm: SignatureAlgorithm, _ id: String?)
        -> [UInt8]
    {
        Array("\(algorithm.rawValue) \(id ?? "") \(message)".utf8)
    }
}

/// Bytes in base64url.
func encoded(_ bytes: some Sequence<UInt8>) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    var text = ""
    var (bits, count) = (0, 0)
    for byte in bytes {
        (bits, count) = (bits << 8 | Int(byte), count + 8)
        while count >= 6 {
            count -= 6
            text.append(alphabet[bits >> count & 63])
        }
        bits &= (1 << count) - 1
    }
    if count > 0 { text.append(alphabet[bits << (6 - count) & 63]) }
    return text
}

/// A set of keys.
func keySet(_ keys: [String]) throws -> WebKeySet {
    try WebKeySet(Array("{\"keys\":[\(keys.joined(separator: ","))]}".utf8))
}
