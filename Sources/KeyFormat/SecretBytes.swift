import CLibcrypto

/// Bytes that have a single owner and are wiped on release.
public struct SecretBytes: ~Copyable {
    private let storage: UnsafeMutableBufferPointer<UInt8>

    /// Length, in bytes.
    public let count: Int

    /// Allocates `capacity` bytes and lets `fill` write them.
    ///
    /// - Parameter fill: Writes into the buffer; returns the number of bytes written.
    /// - Throws: The error of `fill`, after the buffer has been wiped.
    public init<Failure: Error>(
        capacity: Int,
        _ fill: (UnsafeMutableBufferPointer<UInt8>) throws(Failure) -> Int
    ) throws(Failure) {
        let storage = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(capacity, 1))
        storage.initialize(repeating: 0)
        do throws(Failure) {
            count = min(max(try fill(storage), 0), storage.count)
        } catch {
            Self.wipe(storage)
            throw error
        }
        self.storage = storage
    }

    /// Copies bytes. The original remains the caller's to wipe.
    public init(copying bytes: Span<UInt8>) {
        self.init(capacity: bytes.count) { storage in
            for index in 0..<bytes.count { storage[index] = bytes[index] }
            return bytes.count
        }
    }

    deinit {
        Self.wipe(storage)
    }

    /// Passes the bytes to `body`.
    public func withSpan<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeBufferPointer(rebasing: storage[..<count]).span)
    }

    private static func wipe(_ storage: UnsafeMutableBufferPointer<UInt8>) {
        OPENSSL_cleanse(storage.baseAddress, storage.count)
        storage.deallocate()
    }
}
