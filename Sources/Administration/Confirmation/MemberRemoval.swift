import Keyring

/// Takes a worker off the membership list for an operator who knows that it has ended.
///
/// The operator may be wrong, so nothing is believed: the worker becomes a suspect, as one that did not
/// acknowledge a change. Changes wait for its lease and grace from the removal on. If it is alive, it does
/// not find its entry at its next heartbeat, forgets what it has cached, and registers anew.
public struct MemberRemoval {
    /// Most attempts while other workers join and leave.
    private static let attemptsMax = 100

    private let store: RetryingStore

    /// - Throws: An error if the caller is no operator, or the credentials cannot be read.
    public init(_ configuration: Configuration, caller: Caller) throws(AdministrationError) {
        try OwnerRule.checkIdentity(caller)
        try OwnerRule.checkOperator(caller, to: "take workers off the membership list")
        self.init(try StoreOpening.store(configuration), clock: SystemClock())
    }

    init(_ channel: any StoreChannel, clock: any BlockingClock) {
        store = RetryingStore(
            channel,
            clock: clock,
            from: clock.monotonic,
            forMilliseconds: 0,
            onProgress: { _ in true }
        )
    }

    /// The worker with this ID.
    ///
    /// - Throws: An error if it is not on the list.
    public func member(_ id: Member.ID) throws(AdministrationError) -> Member {
        let membership = try Membership(through: store.channel)
        if let member = membership.members.first(where: { $0.id == id }) { return member }
        let reason =
            if membership.unreadable.contains(id.description) {
                "cannot be read, so nobody knows how long it trusts its cache: see \"latchkey doctor\""
            } else if membership.suspects.contains(where: { $0.member.id == id }) {
                "has already been removed from the membership list; changes wait for what it had cached"
            } else {
                "is not on the membership list"
            }
        throw AdministrationError(.data, "nginx worker \(id) \(reason)")
    }

    /// Takes a member off the list. Returns until when changes wait for what it may have cached.
    ///
    /// - Throws: An error if it is still listed, or has left or registered anew meanwhile.
    public func remove(_ member: Member) throws(AdministrationError) -> UnixTime {
        let upkeep = MembershipUpkeep(store)
        for _ in 0..<Self.attemptsMax {
            if upkeep.move([member]) == [member] { return trustEnd(member) }
            let membership = try Membership(through: store.channel)
            if membership.suspects.contains(where: { $0.member == member }) {
                return trustEnd(member)
            }
            guard membership.members.contains(member) else {
                throw AdministrationError(
                    .data,
                    "nginx worker \(member.id) has just joined or left; nothing was done"
                )
            }
        }
        throw AdministrationError(
            .store,
            "the store did not take the change of the membership list; nothing was done"
        )
    }

    private func trustEnd(_ member: Member) -> UnixTime {
        let span = TrustSpan.milliseconds(ofTrust: member.trustMilliseconds)
        return store.clock.unix.advanced(byMilliseconds: span)
    }
}
