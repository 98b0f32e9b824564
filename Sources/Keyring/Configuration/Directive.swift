/// A directive of the configuration file: a name and what stands behind it.
public struct Directive: Equatable, Sendable {
    /// The directive's name.
    public let name: String
    /// Its arguments, without quotes.
    public let values: [String]
    /// The line on which it begins, where that is known.
    public let line: Int?
    /// The file in which it stands, where that is known.
    public let file: String?

    /// A directive as it was written.
    public init(name: String, values: [String], line: Int? = nil, file: String? = nil) {
        self.name = name
        self.values = values
        self.line = line
        self.file = file
    }
}

/// Why a configuration is refused.
public struct ConfigurationFault: Error, Equatable, Sendable {
    /// The name of the directive at fault, or of the one that should be there.
    public let directive: String?
    /// The line of the file, where it is known.
    public let line: Int?
    /// The file, where it is not the one that was asked for.
    public let file: String?
    /// What is wrong and what to do.
    public let message: String

    /// A fault of a directive, or of the file as a whole.
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
