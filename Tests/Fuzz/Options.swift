import Glibc

/// The command line.
struct Options {
    enum Target: String {
        case keys
        case replies
        case records
        case configuration
        case cluster
        case gateway
        case failover
        case moves
    }

    let target: Target
    private(set) var inputs: UInt64 = 1_000_000
    private(set) var seed = UInt64.random(in: .min ... .max)
    private(set) var first: UInt64 = 0

    /// `nil` if the arguments are not valid.
    init?(_ arguments: ArraySlice<String>) {
        guard let target = arguments.first.flatMap(Target.init) else { return nil }
        self.target = target
        var rest = arguments.dropFirst()
        while let name = rest.popFirst() {
            guard let value = rest.popFirst().flatMap({ UInt64($0) }) else { return nil }
            switch name {
            case "--inputs": inputs = value
            case "--seed": seed = value
            case "--first": first = value
            default: return nil
            }
        }
        guard !first.addingReportingOverflow(inputs).overflow else { return nil }
    }
}
