import Keyring
import RedisClient

/// Carries commands to the primary that the sentinels name.
///
/// A connection is made anew when it is lost, when the server is no longer the primary, and when the sentinels
/// name another one.
final class SentinelStore: ReplicatedStore {
    /// Pause before the sentinels are asked again.
    private static let pauseMilliseconds: UInt64 = 100

    /// A failover takes seconds.
    var patienceMilliseconds: UInt64 = 30_000

    private let search: PrimarySearch
    private let clock: any BlockingClock
    private let connect: (Endpoint) -> any StoreChannel
    private var connection: (named: NamedPrimary, channel: any StoreChannel)?

    /// Whether the last wait for a primary was in vain: the next one ends at once.
    private var hasWaitedInVain = false

    /// - Parameter connect: Returns a connection to a server that is opened with the first commands.
    init(
        _ search: PrimarySearch,
        clock: any BlockingClock,
        connect: @escaping (Endpoint) -> any StoreChannel
    ) {
        (self.search, self.clock, self.connect) = (search, clock, connect)
    }

    var replicated: (any ReplicatedStore)? { self }

    var isReady: Bool { connection?.channel.isReady ?? false }

    var connected: NamedPrimary? { connection?.named }

    func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        if !isReady {
            guard !onSameConnection else {
                throw .unreachable("the connection to the primary is lost")
            }
            try becomeReady()
        }
        guard let connection else { throw .unreachable("there is no connection to a primary") }
        let replies = try connection.channel.execute(commands, onSameConnection: onSameConnection)
        if let failure = replies.lazy.compactMap(\.failure).first(where: \.isFromNoPrimary) {
            renew()
            throw .interrupted(
                "the store at \(connection.named.primary.address) is not the primary: \(failure.message)"
            )
        }
        return replies
    }

    func renew() {
        connection?.channel.renew()
        connection = nil
    }

    func findPrimary(unanimously: Bool) throws(StoreConnection.Fault) -> NamedPrimary {
        let named = try namedPrimary()
        if isReady, let connection, connection.named.primary == named.primary {
            self.connection?.named = named
        } else {
            renew()
        }
        return named
    }

    private func namedPrimary() throws(StoreConnection.Fault) -> NamedPrimary {
        try translating(try search.namedPrimary()) { (dispute: PrimarySearch.Dispute) in
            dispute.isRefusal
                ? StoreConnection.Fault.refused(dispute.text) : .unreachable(dispute.text)
        }
    }

    private func becomeReady() throws(StoreConnection.Fault) {
        let patience = hasWaitedInVain ? 0 : patienceMilliseconds
        let deadline = clock.monotonic.advanced(byMilliseconds: patience)
        while true {
            do throws(StoreConnection.Fault) {
                try connectToPrimary()
                hasWaitedInVain = false
                return
            } catch {
                renew()
                if case .refused = error { throw error }
                guard clock.monotonic < deadline else {
                    hasWaitedInVain = hasWaitedInVain || patience > 0
                    throw error
                }
            }
            let pause = clock.monotonic.advanced(byMilliseconds: Self.pauseMilliseconds)
            clock.sleep(until: min(deadline, pause))
        }
    }

    private func connectToPrimary() throws(StoreConnection.Fault) {
        renew()
        let named = try namedPrimary()
        let channel = connect(named.primary.address)
        let reply = try channel.execute([Term.read])[0]
        guard StoreInformation(reply)?.isPrimary == true, Term(reply) != nil else {
            channel.renew()
            throw Self.doubt(named.primary.address, reply.failure)
        }
        connection = (named, channel)
    }

    /// - Parameter error: What the server replied instead of its role.
    private static func doubt(_ address: Endpoint, _ error: RedisError?) -> StoreConnection.Fault {
        let reason = error.map { ": \($0.message)" } ?? ""
        let text =
            "the store at \(address), which the sentinels name, does not report itself as the primary\(reason)"
        return error?.code == "NOPERM" ? .refused(text) : .unreachable(text)
    }
}

extension RedisError {
    /// Whether a server cannot do what the primary can: it follows another one, or loads its data.
    fileprivate var isFromNoPrimary: Bool {
        ["READONLY", "MASTERDOWN", "LOADING", "UNBLOCKED"].contains(code)
    }
}
