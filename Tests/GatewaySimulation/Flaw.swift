@testable import Gateway

/// Something that is left out or done wrong on purpose, to see that the simulation finds it.
enum Flaw: Hashable, Sendable {
    #if CANARIES
        /// The gatekeeper does not keep an obligation.
        case omission(Obligation)
    #endif
    case procedure(Procedure)
    case driver(Driver)

    /// What an administrator may do wrong.
    enum Procedure: String, CaseIterable, Sendable {
        /// The list of gateways is read before the store has answered the change.
        case listReadTooEarly
        /// The barrier is published together with the change.
        case barrierWithChange
        /// Silent workers are not waited out.
        case silentNotWaitedOut
        /// The graces of silent workers are not waited for.
        case graceNotWaitedFor
        /// Entries are taken out although they have been written again.
        case livingTakenOut
    }

    /// What may be wrong between the event loop and the gatekeeper.
    enum Driver: String, CaseIterable, Sendable {
        /// Bytes of a connection that was closed reach the next one.
        case lateReplies
        /// Bytes are lost, and the connection goes on.
        case lostBytes
        /// Connections are not made anew.
        case noReconnection
        /// Requests stay open when they are to be ended.
        case endsIgnored
        /// An answer is handed out twice.
        case answeredTwice
        /// An answer is not handed out.
        case answerForgotten
        /// Texts that nobody can tell from keys are held to be made up.
        case madeUpWithPepper
    }

    static var all: [Flaw] {
        var all =
            Procedure.allCases.map { Flaw.procedure($0) } + Driver.allCases.map { .driver($0) }
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
        switch self {
        #if CANARIES
            case .omission(let obligation): "\(obligation)"
        #endif
        case .procedure(let flaw): flaw.rawValue
        case .driver(let flaw): flaw.rawValue
        }
    }
}
