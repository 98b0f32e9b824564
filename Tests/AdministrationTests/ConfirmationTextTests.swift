import Glibc
import Keyring
import Testing

@testable import Administration
@testable import latchkey

/// The messages about a change and its confirmation.
struct ConfirmationTextTests {
    private let time = UnixTime(milliseconds: 1_790_000_000_000)

    private func member(_ number: UInt64) -> Member { StandInWorker.member(number) }

    private func message(_ uncertainty: ConfirmationResult.Uncertainty) -> String {
        let error = ConfirmationText.error(
            for: uncertainty,
            change: "the key of acme was revoked",
            key: "it",
            remedy: "revoke it again"
        )
        #expect(error.kind.rawValue == 75)
        return error.message
    }

    private func message(_ outcome: BarrierOutcome) -> String { message(.unacknowledged(outcome)) }

    @Test func `the wait takes one line`() {
        let one = BarrierProgress(
            pending: [member(1)],
            isFleetKnown: true,
            workers: 4,
            elapsedMilliseconds: 250,
            remainingMilliseconds: 850
        )
        #expect(
            ConfirmationText.progress(one)
                == "Waiting for 1 of 4 nginx workers: web-1 (process 4711), at most 0.8 s"
        )
        let several = BarrierProgress(
            pending: [member(1), member(2), member(3)],
            isFleetKnown: true,
            workers: 4,
            elapsedMilliseconds: 250,
            remainingMilliseconds: 29_750
        )
        #expect(
            ConfirmationText.progress(several)
                == "Waiting for 3 of 4 nginx workers: web-1 (process 4711) and 2 more, at most 29.7 s"
        )
        func none(isFleetKnown: Bool) -> BarrierProgress {
            BarrierProgress(
                pending: [],
                isFleetKnown: isFleetKnown,
                workers: 0,
                elapsedMilliseconds: 250,
                remainingMilliseconds: 1000
            )
        }
        #expect(
            ConfirmationText.progress(none(isFleetKnown: false))
                == "Waiting for the store, at most 1.0 s"
        )
        #expect(
            ConfirmationText.progress(none(isFleetKnown: true))
                == "Waiting for workers that the membership list may lack, at most 1.0 s"
        )
    }

    @Test func `workers that the list may lack are reported with the time`() {
        #expect(
            message(BarrierOutcome(unlistedUntil: time))
                == "the key of acme was revoked, but nginx workers that are missing in the membership "
                + "list may still accept it until 2026-09-21T14:13:20.000Z"
        )
    }

    @Test func `a worker that was waited out is named`() {
        #expect(
            ConfirmationText.notes(BarrierOutcome(expired: [member(1)]))
                == [
                    "nginx worker web-1 (process 4711) did not acknowledge the change; "
                        + "its lease has ended."
                ]
        )
    }

    @Test func `a worker without invalidations is named with the reason`() {
        let untracked = StandInWorker.member(1, isTracking: false)
        #expect(
            ConfirmationText.notes(BarrierOutcome(expired: [untracked])) == [
                "nginx worker web-1 (process 4711) receives no invalidations; its lease has ended."
            ]
        )
    }

    @Test func `workers that may still accept the key are named with the time, the longest first`()
    {
        let outcome = BarrierOutcome(unacknowledged: [
            .init(member: member(1), until: time),
            .init(member: member(2), until: time.advanced(byMilliseconds: 60_000)),
        ])
        #expect(
            message(outcome) == "the key of acme was revoked, but nginx workers that did not "
                + "acknowledge it may still accept it: web-2 (process 4712) until 2026-09-21T14:14:20.000Z, "
                + "web-1 (process 4711) until 2026-09-21T14:13:20.000Z"
        )
    }

    @Test func `of many workers some are named`() {
        let outcome = BarrierOutcome(
            unacknowledged: (1...100).map { .init(member: member($0), until: time) }
        )
        #expect(message(outcome).hasSuffix(" and 92 more"))
    }

    @Test func `servers that do not hold the change yet are counted`() {
        let wait = BarrierProgress(
            pending: [],
            isFleetKnown: true,
            workers: 2,
            missingServers: 2,
            elapsedMilliseconds: 250,
            remainingMilliseconds: 1000
        )
        #expect(
            ConfirmationText.progress(wait)
                == "Waiting for 2 more servers to hold the change, at most 1.0 s"
        )
    }

    @Test func `servers that hold the change are counted, where there are several`() {
        #expect(ConfirmationText.copies(BarrierOutcome()) == [])
        let memory = BarrierOutcome(copies: Copies(count: 3, isOnDisk: false))
        #expect(ConfirmationText.copies(memory) == ["Held by 3 servers."])
        let disk = BarrierOutcome(copies: Copies(count: 1, isOnDisk: true))
        #expect(ConfirmationText.copies(disk) == ["Held by 1 server, on disk."])
    }

    @Test func `what a failover could do is said`() {
        #expect(
            message(.tooFewCopies(1, needed: 3))
                == "the key of acme was revoked, but the change is held by 1 server, 3 are needed: "
                + "a failover would bring the old key back"
        )
        #expect(
            message(.tooFewCopies(1, needed: 3, unlinked: ["10.0.0.2:6379", "10.0.0.3:6379"]))
                .hasSuffix(
                    "old key back; without a link to the primary: 10.0.0.2:6379, 10.0.0.3:6379"
                )
        )
        #expect(message(.copiesUnknown("they do not say")).hasSuffix("back: they do not say"))
        #expect(message(.primaryUnknown("they are down")).hasSuffix("accept it: they are down"))
    }

    @Test
    func
        `a record that is incomplete for lack of memory matters more than copies that cannot be counted`()
    {
        let incomplete = ConfirmationResult.Uncertainty.incomplete("OOM")
        #expect(
            ConfirmationResult.unconfirmed(.copiesUnknown("OOM")).including(incomplete)
                == .unconfirmed(incomplete)
        )
        #expect(
            ConfirmationResult.unconfirmed(.undone).including(incomplete) == .unconfirmed(.undone)
        )
        #expect(ConfirmationResult.notAwaited.including(incomplete) == .unconfirmed(incomplete))
        #expect(ConfirmationResult.unconfirmed(.undone).including(nil) == .unconfirmed(.undone))
    }

    @Test func `a worker with other sentinels is named with its ID`() {
        let text = message(BarrierOutcome(foreign: [member(1)]))
        #expect(
            text.contains("may accept it: web-1 (process 4711), 0000000000000001; use the same")
        )
        #expect(text.hasSuffix("latchkey gateways --forget ID"))
    }

    @Test func `every other uncertainty is reported with its reason`() {
        #expect(
            message(BarrierOutcome(unreadable: ["who"]))
                .hasSuffix("members that cannot be read may accept it: who")
        )
        #expect(
            message(BarrierOutcome(unreadable: ["who"], fault: "the store is gone"))
                .hasSuffix("who; the store is gone")
        )
        #expect(message(BarrierOutcome(isInterrupted: true)).contains("the wait was interrupted"))
        #expect(message(.membershipUnknown("it is down")).hasSuffix("until when: it is down"))
        #expect(message(.notReadBack("it is down")).hasSuffix("read back: it is down"))
        #expect(message(.undone).hasSuffix("revoke it again"))
    }

    @Test func `a signal that arrives while signals are deferred is seen, and does nothing else`()
        throws
    {
        for number in [SIGINT, SIGTERM] {
            try Interruption.deferred { () throws(AdministrationError) in
                #expect(!Interruption.isPending)
                raise(number)
                #expect(Interruption.isPending)
            }
            #expect(!Interruption.isPending)
        }
    }
}
