/// A command: its name and arguments, binary safe, in the form in which they are sent.
public struct RedisCommand: Equatable, Sendable {
    /// The arguments as bulk strings, one behind the other.
    @usableFromInline internal var bulkStrings: [UInt8] = []

    /// Number of arguments, the name included.
    @usableFromInline internal var count = 0

    /// A command of texts.
    public init(_ arguments: String...) {
        for argument in arguments { append(argument) }
    }

    /// A command without a name yet, with room for so many bytes: none is moved, and so leaves a copy
    /// behind, before there are more.
    public init(capacity: Int) {
        bulkStrings.reserveCapacity(capacity)
    }

    /// Appends a text.
    public mutating func append(_ argument: String) {
        append(argument.utf8)
    }

    /// Appends bytes.
    @inlinable
    public mutating func append(_ argument: some Collection<UInt8>) {
        RESPEncoder.appendBulkString(argument, to: &bulkStrings)
        count += 1
    }

    /// Appends all arguments of another command.
    public mutating func append(contentsOf other: RedisCommand) {
        bulkStrings.append(contentsOf: other.bulkStrings)
        count += other.count
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

    /// Overwrites the arguments with zeros, where they hold a secret and have not been copied.
    mutating func wipe() {
        bulkStrings.withUnsafeMutableBytes { RedisClient.wipe($0) }
    }
}
