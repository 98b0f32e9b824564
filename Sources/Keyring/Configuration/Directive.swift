/// A directive of the configuration file: its name and arguments.
public struct Directive: Equatable, Sendable {
    /// The name, such as `latchkey_store`.
    public let name: String
    /// The arguments, without quotes and escapes.
    public let values: [String]
    /// The line on which the directive begins, from 1; `nil` if unknown.
    public let line: Int?
    /// The path of its file; `nil` if unknown.
    public let file: String?

    /// A directive as it was parsed.
    public init(name: String, values: [String], line: Int? = nil, file: String? = nil) {
        self.name = name
        self.values = values
        self.line = line
        self.file = file
    }
}

/// Why a configuration is rejected.
public struct ConfigurationFault: Error, Equatable, Sendable {
    /// The name of the faulty or missing directive.
    public let directive: String?
    /// The line, from 1; `nil` if unknown.
    public let line: Int?
    /// The file, if it is not the main configuration file but an included one.
    public let file: String?
    /// What is wrong and how to fix it. Never contains a secret.
    public let message: String

    /// A fault of a directive, or of the whole file.
    public init(
        directive: String? = nil,
        line: Int? = nil,
        file: String? = nil,
        _ message: String
    ) {
        self.directive = directive
        self.line = line
        self.file = file
        self.message = message
    }
}
