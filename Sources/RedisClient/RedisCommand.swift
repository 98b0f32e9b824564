/// A command: its name and arguments, binary safe.
public struct RedisCommand: Equatable, Sendable {
    /// All arguments, one behind the other.
    private(set) var bytes: [UInt8] = []

    /// The length of each argument.
    private(set) var lengths: [Int] = []

    /// A command of texts.
    public init(_ arguments: String...) {
        for argument in arguments { append(argument) }
    }

    /// Appends a text.
    public mutating func append(_ argument: String) {
        append(argument.utf8)
    }

    /// Appends bytes.
    public mutating func append(_ argument: some Collection<UInt8>) {
        bytes.append(contentsOf: argument)
        lengths.append(argument.count)
    }

    /// The command's name, then its arguments.
    public var arguments: [ArraySlice<UInt8>] {
        var start = 0
        return lengths.map { length in
            defer { start += length }
            return bytes[start..<start + length]
        }
    }

    /// Overwrites the arguments with zeros, where they hold a secret and have not been copied.
    mutating func wipe() {
        bytes.withUnsafeMutableBytes { RedisClient.wipe($0) }
    }
}
