/// A user and password of Redis, kept as the command that presents them and wiped when let go.
public final class RedisCredentials {
    private let command: UnsafeMutableBufferPointer<UInt8>

    /// Copies a user's name and password. `nil` when there is no memory for them.
    public init?(user: Span<UInt8>, password: Span<UInt8>) {
        var command = RedisCommand("AUTH")
        defer { command.wipe() }
        user.withUnsafeBytes { command.append($0) }
        password.withUnsafeBytes { command.append($0) }
        var text: [UInt8] = []
        defer { text.withUnsafeMutableBytes { wipe($0) } }
        guard RESPEncoder.append(command, to: &text) else { return nil }
        self.command = .allocate(capacity: text.count)
        _ = self.command.initialize(fromContentsOf: text)
    }

    deinit {
        wipe(UnsafeMutableRawBufferPointer(command))
        command.deallocate()
    }

    /// Appends `AUTH user password` in the Redis protocol.
    func appendCommand(to output: inout OutputBuffer) {
        output.append(UnsafeRawBufferPointer(command))
    }
}
