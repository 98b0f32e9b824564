import CLibcrypto

/// A secret of the pepper file: a key for HMAC-SHA-256, with both pads already hashed.
///
/// Must not be used by several threads at the same time.
public final class Pepper {
    /// Length of the secret, in bytes.
    public static let length = 32

    private static let blockLength = 64

    /// The state after the inner pad, the state after the outer pad, and a working state.
    private let states: UnsafeMutablePointer<SHA256_CTX>

    /// Prepares a secret; `nil` unless it has exactly 32 bytes.
    public init?(_ secret: borrowing SecretBytes) {
        guard secret.count == Self.length else { return nil }
        let states = UnsafeMutablePointer<SHA256_CTX>.allocate(capacity: 3)
        states.initialize(repeating: SHA256_CTX(), count: 3)
        secret.withSpan { secret in
            Self.prepare(states, pad: 0x36, secret)
            Self.prepare(states + 1, pad: 0x5C, secret)
        }
        self.states = states
    }

    deinit {
        OPENSSL_cleanse(states, 3 * MemoryLayout<SHA256_CTX>.stride)
        states.deallocate()
    }

    private static func prepare(
        _ state: UnsafeMutablePointer<SHA256_CTX>,
        pad: UInt8,
        _ secret: Span<UInt8>
    ) {
        let block = SecretBytes(capacity: blockLength) { block in
            for index in 0..<blockLength {
                block[index] = pad ^ (index < secret.count ? secret[index] : 0)
            }
            return blockLength
        }
        SHA256_Init(state)
        block.withSpan { $0.withUnsafeBytes { _ = SHA256_Update(state, $0.baseAddress, $0.count) } }
    }

    /// HMAC-SHA-256 (RFC 2104) of the first `count` bytes of a message.
    func authenticator(of message: Span<UInt8>, count: Int) -> Digest {
        let state = states + 2
        var digest = Digest()
        state.pointee = states[0]
        message.withUnsafeBytes { _ = SHA256_Update(state, $0.baseAddress, min(count, $0.count)) }
        digest.withMutableBytes { digest in
            SHA256_Final(digest, state)
            state.pointee = states[1]
            SHA256_Update(state, digest, Digest.length)
            SHA256_Final(digest, state)
        }
        return digest
    }

    /// HMAC-SHA-256 (RFC 2104) of a message.
    public func authenticator(of message: Span<UInt8>) -> Digest {
        authenticator(of: message, count: message.count)
    }
}
