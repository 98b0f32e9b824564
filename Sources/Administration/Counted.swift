/// A number of things, and what became of them: `1 record was`, `2 records were`.
public struct Counted: CustomStringConvertible {
    private let count: Int
    private let thing: String?

    /// So many of what is called so, if there is one of it.
    public init(_ count: some BinaryInteger, _ thing: String? = nil) {
        self.count = Int(clamping: count)
        self.thing = thing
    }

    /// The number and what it counts.
    public var description: String {
        "\(count)" + (thing.map { " \($0)\(count == 1 ? "" : "s")" } ?? "")
    }

    /// The beginning of a sentence on what is so.
    public var are: String { "\(self) \(count == 1 ? "is" : "are")" }

    /// The beginning of a sentence on what is there.
    public var have: String { "\(self) \(count == 1 ? "has" : "have")" }

    /// The beginning of a sentence on what was done to it.
    public var were: String { "\(self) \(count == 1 ? "was" : "were")" }
}
