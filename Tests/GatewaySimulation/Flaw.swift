@testable import Gateway

/// A deliberate error that the simulation has to find.
enum Flaw: Hashable, Sendable {
    #if CANARIES
        /// The gatekeeper omits an obligation.
        case omission(Obligation)
        /// It omits several.
        case omissions(Set<Obligation>)
    #endif
    case procedure(Procedure)
    case driver(Driver)
    /// The same in a cluster, where other code meets the obligation.
    indirect case inCluster(Flaw)

    /// Errors of the administrator.
    enum Procedure: String, CaseIterable, Sendable {
        /// The membership list is read before the store has answered the change.
        case listReadTooEarly
        /// The signal is sent before the change.
        case signalBeforeChange
        /// The leases of silent workers are not waited for.
        case silentNotWaitedOut
        /// The graces of silent workers are not waited for.
        case graceNotWaitedFor
        /// A new term is believed to have been handed over.
        case termUnknownNotWaited
        /// A term that was handed over to another list is believed.
        case termWithoutGeneration
        /// A list without any term is taken for that of a new store.
        case emptyStoreNotWaited
        /// Entries that were removed by hand are not missed.
        case checksumIgnored
        /// Members that were moved are not waited for.
        case silentForgotten
        /// A worker that an operator removes is not waited for.
        case removedNotWaitedFor
        /// When a member was moved is taken from another machine's clock.
        case noteOfAnotherBoot
        /// Acknowledgements are counted, whoever sent them.
        case confirmedByCount
        /// A change whose signal was refused is not waited for.
        case signalMissingNotWaitedOut
        /// Replicas are not waited for.
        case copiesIgnored
        /// The primary is asked how many replicas there are, not the sentinels.
        case copiesOfServer
        /// Replicas are waited for on a connection that has written nothing.
        case waitOnFreshConnection
        /// Sentinels that do not answer are taken to agree.
        case minorityDecides
        /// It does not matter that a failover is under way.
        case failoverIgnored
        /// The primary is not looked for again once a change is made.
        case primaryNotConfirmed
        /// It does not matter in which epoch the sentinels name the primary.
        case epochIgnored
        /// It does not matter whom the other primaries take for the holder of a record's slot.
        case holderNotAgreed
        /// Slots that have moved since a list of all records began are not visited again.
        case movesIgnored
        /// A transaction that is turned away is repeated at the right server, and the record not read again.
        case transactionRepeated
    }

    /// Errors between the event loop and the gatekeeper.
    enum Driver: String, CaseIterable, Sendable {
        /// Bytes of a closed connection reach the next one.
        case lateReplies
        /// Bytes are lost, and the connection stays open.
        case lostBytes
        /// Lost connections are not replaced.
        case noReconnection
        /// Requests stay open when the gatekeeper ends them.
        case endsIgnored
        /// A decision is handed out twice.
        case answeredTwice
        /// A decision is not handed out.
        case answerForgotten
        /// Keys that were made with the pepper are expected to be refused as forged.
        case madeUpWithPepper
    }

    static var all: [Flaw] {
        var all =
            Procedure.allCases.map { Flaw.procedure($0) } + Driver.allCases.map { .driver($0) }
        #if CANARIES
            all += Obligation.allCases.map { .omission($0) }
        #endif
        return all + inCluster
    }

    private static var inCluster: [Flaw] {
        var flaws = [
            Procedure.silentNotWaitedOut, .copiesIgnored, .waitOnFreshConnection, .copiesOfServer,
        ]
        .map { Flaw.procedure($0) }
        #if CANARIES
            flaws += [Obligation.decidesOnlyAttested, .readsAreFenced, .majorityAttests]
                .map { .omission($0) }
        #endif
        return flaws.map { .inCluster($0) }
    }

    /// What administrators do wrong; `nil` if they do nothing wrong.
    var procedure: Procedure? {
        switch self {
        case .procedure(let procedure): procedure
        case .inCluster(let flaw): flaw.procedure
        default: nil
        }
    }

    /// - Parameter name: That of several omissions consists of theirs, with `+` in between.
    init?(named name: String) {
        #if CANARIES
            let names = name.split(separator: "+").map(String.init)
            let omitted = Obligation.allCases.filter { names.contains("\($0)") }
            if names.count > 1, omitted.count == names.count {
                self = .omissions(Set(omitted))
                return
            }
        #endif
        guard let flaw = Self.all.first(where: { $0.name == name }) else { return nil }
        self = flaw
    }

    var name: String {
        switch self {
        #if CANARIES
            case .omission(let obligation): "\(obligation)"
            case .omissions(let obligations):
                obligations.map { "\($0)" }.sorted().joined(separator: "+")
        #endif
        case .procedure(let flaw): flaw.rawValue
        case .driver(let flaw): flaw.rawValue
        case .inCluster(let flaw): "\(flaw.name)InCluster"
        }
    }

    #if CANARIES
        /// What the gatekeeper omits.
        var omitted: Set<Obligation> {
            switch self {
            case .omission(let obligation): [obligation]
            case .omissions(let obligations): obligations
            case .inCluster(let flaw): flaw.omitted
            case .procedure, .driver: []
            }
        }
    #endif
}
