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

    /// Overwrites bytes of an argument, from where its slice among ``arguments`` says; what does not fit
    /// is left out.
    public mutating func overwrite(from start: Int, with bytes: UnsafeRawBufferPointer) {
        bulkStrings.withUnsafeMutableBytes { strings in
            let room = UnsafeMutableRawBufferPointer(rebasing: strings.dropFirst(start))
            room.copyBytes(from: bytes.prefix(room.count))
        }
    }

    /// Overwrites the arguments with zeros, where they hold a secret and have not been copied.
    mutating func wipe() {
        bulkStrings.withUnsafeMutableBytes { RedisClient.wipe($0) }
    }
}
