import CLibcrypto

/// Bytes that have a single owner and are wiped on release.
public struct SecretBytes: ~Copyable {
    private let storage: UnsafeMutableBufferPointer<UInt8>

    /// Length, in bytes.
    public let count: Int

    /// Allocates `capacity` bytes and lets `fill` append to them.
    ///
    /// - Throws: The error of `fill`, after the buffer has been wiped.
    public init<Failure: Error>(
        capacity: Int,
        _ fill: (inout OutputSpan<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        let storage = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: capacity)
        var output = OutputSpan(buffer: storage, initializedCount: 0)
        do throws(Failure) {
            try fill(&output)
        } catch {
            output.removeAll()
            Self.wipe(storage)
            throw error
        }
        count = output.finalize(for: storage)
        self.storage = storage
    }

    /// Copies bytes. The original remains the caller's to wipe.
    public init(copying bytes: Span<UInt8>) {
        self.init(capacity: bytes.count) { $0.append(contentsOf: bytes) }
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

extension OutputSpan<UInt8> {
    /// Appends bytes.
    public mutating func append(contentsOf bytes: Span<UInt8>) {
        for index in bytes.indices { append(bytes[index]) }
    }
}
