/// A command, binary safe and already encoded, so that sending it copies its bytes once.
public struct RedisCommand: Equatable, Sendable {
    /// The name and the arguments as bulk strings, one after the other.
    @usableFromInline internal var bulkStrings: [UInt8] = []

    /// Number of bulk strings, the name included.
    @usableFromInline internal var count = 0

    /// An argument of a command.
    ///
    /// A literal is an argument as it stands: `RedisCommand("HSET", .bytes(key), "state", .text(state))`.
    public enum Argument: Sendable {
        case text(String)
        case bytes([UInt8])

        /// In bytes.
        fileprivate var count: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .bytes(let bytes): bytes.count
            }
        }

        /// A number in decimal digits.
        public static func number(_ number: some BinaryInteger) -> Argument {
            .text(String(number))
        }
    }

    /// A command: its name, then its arguments.
    public init(_ arguments: Argument...) {
        self.init(arguments)
    }

    /// A command: its name, then its arguments.
    public init(_ arguments: [Argument]) {
        bulkStrings.reserveCapacity(
            arguments.reduce(0) { $0 + $1.count + RESPEncoder.overhead }
        )
        for argument in arguments { append(argument) }
    }

    /// A command without a name yet, and with room for `capacity` encoded bytes. Below that limit
    /// nothing is reallocated, so no copy of a secret is left behind.
    public init(capacity: Int) {
        bulkStrings.reserveCapacity(capacity)
    }

    /// Appends an argument.
    public mutating func append(_ argument: Argument) {
        switch argument {
        case .text(let text): append(text.utf8)
        case .bytes(let bytes): append(bytes)
        }
    }

    /// Appends bytes as an argument.
    @inlinable
    public mutating func append(_ argument: some Collection<UInt8>) {
        RESPEncoder.appendBulkString(argument, to: &bulkStrings)
        count += 1
    }

    /// The command's name, then its arguments.
    public var arguments: [ArraySlice<UInt8>] {
        var rest = bulkStrings[...]
        return (0..<count).map { _ in
            let digits = rest.dropFirst().prefix { $0 != UInt8(ascii: "\r") }
            let start = digits.endIndex + 2
            let length = digits.reduce(0) { 10 * $0 + Int($1 - UInt8(ascii: "0")) }
            rest = rest[(start + length + 2)...]
            return bulkStrings[start..<start + length]
        }
    }

    /// The first argument after the name: of most commands, their key. `nil` without arguments.
    public var key: ArraySlice<UInt8>? {
        guard count > 1 else { return nil }
        var head = self
        head.count = 2
        return head.arguments[1]
    }

    /// Overwrites bytes of an argument in place; bytes beyond the end of the command are dropped.
    ///
    /// - Parameter start: An index of one of the slices in ``arguments``.
    public mutating func overwrite(from start: Int, with bytes: UnsafeRawBufferPointer) {
        bulkStrings.withUnsafeMutableBytes { strings in
            let room = UnsafeMutableRawBufferPointer(rebasing: strings.dropFirst(start))
            room.copyBytes(from: bytes.prefix(room.count))
        }
    }

    /// Overwrites the command with zeros if it holds a secret. Copies made before are not reached.
    mutating func wipe() {
        bulkStrings.withUnsafeMutableBytes { RedisClient.wipe($0) }
    }
}

extension RedisCommand.Argument: ExpressibleByStringInterpolation {
    /// The text of the literal.
    public init(stringLiteral text: String) {
        self = .text(text)
    }
}
