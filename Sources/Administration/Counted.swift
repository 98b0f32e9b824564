/// A count with its noun and verb in the right number: `1 record was`, `2 records were`.
public struct Counted: CustomStringConvertible {
    private let count: Int
    private let noun: String?

    /// - Parameter noun: What is counted, in the singular.
    public init(_ count: some BinaryInteger, _ noun: String? = nil) {
        self.count = Int(clamping: count)
        self.noun = noun
    }

    /// `2 records`
    public var description: String {
        "\(count)" + (noun.map { " \($0)\(count == 1 ? "" : "s")" } ?? "")
    }

    /// `2 records are`
    public var are: String { "\(self) \(count == 1 ? "is" : "are")" }

    /// `2 records have`
    public var have: String { "\(self) \(count == 1 ? "has" : "have")" }

    /// `2 records were`
    public var were: String { "\(self) \(count == 1 ? "was" : "were")" }
}

extension [String] {
    /// `a, b and 3 more`
    ///
    /// - Parameter max: How many are named at most.
    func listed(max: Int) -> String {
        let named = prefix(max).joined(separator: ", ")
        return count > max ? "\(named) and \(count - max) more" : named
    }
}
