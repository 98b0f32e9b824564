import KeyFormat
import Keyring
import RedisClient

/// A gatekeeper's secrets, and their packed form for workers that may not read the files.
public struct GatewaySecrets {
    let peppers: PepperRing
    let credentials: RedisCredentials?

    /// Reads and checks the files that a configuration names, and packs their contents.
    ///
    /// - Throws: The file at fault and why.
    public static func pack(_ configuration: Configuration) throws(SecretFault) -> SecretBytes {
        if let tls = configuration.tls { try Secrets.checkKey(tls) }
        let pepper = try Secrets.pepperContents(configuration)
        _ = try Secrets.peppers(pepper, configuration)
        guard let path = configuration.gatewayCredentialsFile else {
            return pack(pepper, SecretBytes(copying: Span()))
        }
        let credentials = try Secrets.credentialsContents(path)
        _ = try Secrets.credentials(credentials)
        return pack(pepper, credentials)
    }

    /// Unpacks what ``pack(_:)`` returned for the same configuration.
    public init(packed: borrowing SecretBytes, _ configuration: Configuration) throws(SecretFault) {
        let (pepper, credentials) = packed.withSpan { bytes -> (Range<Int>, Range<Int>) in
            let length = bytes.count < 2 ? 0 : Int(bytes[0]) << 8 | Int(bytes[1])
            let end = min(2 + length, bytes.count)
            return (min(2, end)..<end, end..<bytes.count)
        }
        peppers = try Secrets.peppers(Self.part(packed, pepper), configuration)
        self.credentials =
            credentials.isEmpty ? nil : try Secrets.credentials(Self.part(packed, credentials))
    }

    /// Two bytes for the length of the pepper file, its contents, and the contents of the other file.
    private static func pack(_ pepper: borrowing SecretBytes, _ credentials: borrowing SecretBytes)
        -> SecretBytes
    {
        let length = pepper.count
        return SecretBytes(capacity: 2 + length + credentials.count) { packed in
            packed.append(UInt8(truncatingIfNeeded: length >> 8))
            packed.append(UInt8(truncatingIfNeeded: length))
            pepper.withSpan { packed.append(contentsOf: $0) }
            credentials.withSpan { packed.append(contentsOf: $0) }
        }
    }

    private static func part(_ packed: borrowing SecretBytes, _ range: Range<Int>) -> SecretBytes {
        packed.withSpan { SecretBytes(copying: $0.extracting(range)) }
    }
}
