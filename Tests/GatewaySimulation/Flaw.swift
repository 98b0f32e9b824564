@testable import Gateway

/// Something that is left out or done wrong on purpose, to see that the simulation finds it.
enum Flaw: Equatable, Sendable {
    #if CANARIES
        /// The gatekeeper does not keep an obligation.
        case omission(Obligation)
    #endif
    /// A worker's driver gives the gatekeeper bytes of a connection that was closed.
    case lateReplies

    static var all: [Flaw] {
        var all: [Flaw] = [.lateReplies]
        #if CANARIES
            all += Obligation.allCases.map { .omission($0) }
        #endif
        return all
    }

    init?(named name: String) {
        guard let flaw = Self.all.first(where: { $0.name == name }) else { return nil }
        self = flaw
    }

    var name: String {
        #if CANARIES
            if case .omission(let obligation) = self { return "\(obligation)" }
        #endif
        return "\(self)"
    }
}
