/// A user and password of Redis, stored as the encoded `AUTH` command and wiped on release.
public final class RedisCredentials {
    private let command: UnsafeMutableBufferPointer<UInt8>

    /// Copies a user name and password, which stay the caller's to wipe.
    public init(user: Span<UInt8>, password: Span<UInt8>) {
        let length = user.count + password.count + 4 * RESPEncoder.overhead
        var command = RedisCommand(capacity: length)
        defer { command.wipe() }
        command.append("AUTH")
        user.withUnsafeBytes { command.append($0) }
        password.withUnsafeBytes { command.append($0) }
        var text: [UInt8] = []
        text.reserveCapacity(length)
        defer { text.withUnsafeMutableBytes { wipe($0) } }
        RESPEncoder.append(command, to: &text)
        self.command = .allocate(capacity: text.count)
        _ = self.command.initialize(fromContentsOf: text)
    }

    deinit {
        wipe(UnsafeMutableRawBufferPointer(command))
        command.deallocate()
    }

    /// Appends the encoded `AUTH user password`.
    func appendCommand(to output: inout OutputBuffer) {
        output.append(UnsafeRawBufferPointer(command))
    }
}
