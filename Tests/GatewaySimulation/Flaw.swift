@testable import Gateway

/// Something that is left out or done wrong on purpose, to see that the simulation finds it.
enum Flaw: Equatable {
    #if CANARIES
        /// The gatekeeper does not keep an obligation.
        case omission(Obligation)
    #endif
    /// A worker's driver gives the gatekeeper bytes of a connection that was closed.
    case lateReplies
}
