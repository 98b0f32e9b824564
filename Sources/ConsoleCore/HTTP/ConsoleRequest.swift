import Keyring

/// A request as it arrived, without its connection.
public struct ConsoleRequest: Sendable {
    /// Longest body that is read, in bytes.
    public static let bodyLengthMax = 4096

    /// The method, as written.
    public let method: String

    /// The path, as written: percent escapes are not decoded. No valid path has any.
    public let path: Substring

    /// What follows the `?`; empty if nothing does.
    public let query: Substring

    /// Why there is no body.
    public enum BodyFault: Error, Equatable, Sendable {
        /// It is longer than ``bodyLengthMax``.
        case tooLong
        /// It did not arrive in time, or not whole.
        case incomplete
    }

    /// The body.
    public let body: Result<[UInt8], BodyFault>

    private let headers: [(name: String, value: String)]

    /// - Parameters:
    ///   - target: Path and query.
    ///   - headers: All header fields, in the order in which they arrived.
    public init(
        method: String,
        target: String,
        headers: [(name: String, value: String)],
        body: Result<[UInt8], BodyFault> = .success([])
    ) {
        self.method = method
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = parts.first ?? ""
        query = parts.count > 1 ? parts[1] : ""
        self.headers = headers.map { ($0.name.lowercased(), $0.value) }
        self.body = body
    }

    /// The values of a header field, one for each time that it was sent.
    ///
    /// - Parameter name: The name in lower case.
    func values(_ name: String) -> [String] {
        headers.filter { $0.name == name }.map(\.value)
    }

    /// The value of a header field; `nil` if it was not sent exactly once.
    func value(_ name: String) -> String? {
        let values = values(name)
        return values.count == 1 ? values[0] : nil
    }

    /// The client's address as the proxy says it; `nil` if it says none.
    var clientAddress: ClientAddress? { value("x-real-ip").flatMap { ClientAddress($0) } }

    /// The media type of the body in lower case, without parameters; empty if there is none.
    var mediaType: String {
        let type = value("content-type")?.split(separator: ";").first ?? ""
        return String(type.trimmingBlanks()).lowercased()
    }
}

extension StringProtocol {
    /// Without spaces and tabs at both ends.
    func trimmingBlanks() -> SubSequence {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        guard let first = firstIndex(where: { !isBlank($0) }),
            let last = lastIndex(where: { !isBlank($0) })
        else { return self[endIndex...] }
        return self[first...last]
    }
}
