import KeyFormat
import Keyring
import RedisClient

/// A gatekeeper's secrets, and their packed form for workers that may not read the files.
public struct GatewaySecrets {
    let peppers: PepperRing
    let credentials: RedisCredentials?
    /// For the sentinels.
    let sentinelCredentials: RedisCredentials?

    /// Reads and checks the files that a configuration names, and packs their contents.
    ///
    /// - Throws: The file at fault and why.
    public static func pack(_ configuration: Configuration) throws(SecretFault) -> SecretBytes {
        if let tls = configuration.tls { try Secrets.checkKey(tls) }
        let pepper = try Secrets.pepperContents(configuration)
        _ = try Secrets.peppers(pepper, configuration)
        return pack(
            pepper,
            try credentials(configuration.gatewayCredentialsFile),
            try credentials(configuration.sentinelCredentialsFile)
        )
    }

    /// The contents of a credentials file, if there is one.
    private static func credentials(_ path: String?) throws(SecretFault) -> SecretBytes {
        guard let path else { return SecretBytes(copying: Span()) }
        let credentials = try Secrets.credentialsContents(path)
        _ = try Secrets.credentials(credentials)
        return credentials
    }

    /// Unpacks what ``pack(_:)`` returned for the same configuration.
    public init(packed: borrowing SecretBytes, _ configuration: Configuration) throws(SecretFault) {
        let pepper = Self.range(in: packed, from: 0)
        let gateway = Self.range(in: packed, from: pepper.upperBound)
        let sentinel = Self.range(in: packed, from: gateway.upperBound)
        peppers = try Secrets.peppers(Self.part(packed, pepper), configuration)
        credentials = try Self.credentials(packed, gateway)
        sentinelCredentials = try Self.credentials(packed, sentinel)
    }

    private static func credentials(_ packed: borrowing SecretBytes, _ range: Range<Int>)
        throws(SecretFault) -> RedisCredentials?
    {
        range.isEmpty ? nil : try Secrets.credentials(part(packed, range))
    }

    /// The contents of each file, after their length in two bytes.
    private static func pack(
        _ pepper: borrowing SecretBytes,
        _ gateway: borrowing SecretBytes,
        _ sentinel: borrowing SecretBytes
    ) -> SecretBytes {
        let count = 6 + pepper.count + gateway.count + sentinel.count
        return SecretBytes(capacity: count) { packed in
            append(pepper, to: &packed)
            append(gateway, to: &packed)
            append(sentinel, to: &packed)
        }
    }

    private static func append(_ part: borrowing SecretBytes, to packed: inout OutputSpan<UInt8>) {
        packed.append(UInt8(truncatingIfNeeded: part.count >> 8))
        packed.append(UInt8(truncatingIfNeeded: part.count))
        part.withSpan { packed.append(contentsOf: $0) }
    }

    /// The range of the part whose length is stored at an index; empty if there is none.
    private static func range(in packed: borrowing SecretBytes, from index: Int) -> Range<Int> {
        packed.withSpan { bytes in
            guard bytes.count - index >= 2 else { return bytes.count..<bytes.count }
            let length = Int(bytes[index]) << 8 | Int(bytes[index + 1])
            let start = index + 2
            return start..<min(start + length, bytes.count)
        }
    }

    private static func part(_ packed: borrowing SecretBytes, _ range: Range<Int>) -> SecretBytes {
        packed.withSpan { SecretBytes(copying: $0.extracting(range)) }
    }
}
