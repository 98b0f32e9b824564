import Administration
import KeyFormat
import Keyring
import Testing

@testable import Administration
@testable import latchkey

/// The reports about workers and refused uses.
struct ReportTests {
    private let now = UnixTime(milliseconds: 1_790_000_000_000)

    private func member(_ number: UInt64, host: String = "web-1") -> Member {
        Member(
            id: Member.ID(number),
            host: host,
            processID: 4710 + number,
            version: "0.2.0",
            leaseMilliseconds: 1000,
            graceMilliseconds: 90_000,
            token: StandInWorker.member(number).token
        )
    }

    private func membership(_ members: [Member], unreadable: [String] = []) throws -> Membership {
        let clock = SimulatedClock()
        let store = SimulatedStore(clock)
        for member in members { store.carryOut(MembershipCommands.join(member)) }
        for name in unreadable { store.write("latchkey:{gateways}", name, "") }
        return try Membership(through: store)
    }

    @Test func `workers are listed in columns`() throws {
        let membership = try membership([member(1), member(20, host: "balancer-west")])
        #expect(
            WorkerTable.text(membership, isTerminal: true) == """
                HOST           PROCESS  VERSION  TRACKING  LEASE  GRACE  ID
                balancer-west  4730     0.2.0    on        1s     1m30s  0000000000000014
                web-1          4711     0.2.0    on        1s     1m30s  0000000000000001

                """
        )
    }

    @Test func `programs read workers as an array`() throws {
        let membership = try membership([member(1)])
        let members =
            #""id":"0000000000000001","host":"web-1","pid":4711,"version":"0.2.0","tracking":true,"#
            + #""lease_ms":1000,"grace_ms":90000"#
        #expect(WorkerTable.json(membership) == "[{\(members)}]\n")
    }

    @Test func `the absence of workers is reported only if there are none`() throws {
        #expect(
            WorkerTable.text(try membership([]), isTerminal: true)
                == "No nginx worker is running.\n"
        )
        #expect(WorkerTable.json(try membership([])) == "[]\n")
        #expect(WorkerTable.text(try membership([], unreadable: ["who"]), isTerminal: true) == "")
        #expect(WorkerTable.json(try membership([], unreadable: ["who"])) == "[]\n")
    }

    @Test(arguments: [
        (0, "0s"), (1, "1ms"), (500, "500ms"), (1000, "1s"), (90_000, "1m30s"),
        (5_400_000, "1h30m"), (604_800_000, "7d"), (86_400_001, "1d1ms"),
    ])
    func `time spans are written as nginx writes them`(milliseconds: UInt64, text: String) {
        #expect(TimeText.span(milliseconds: milliseconds) == text)
    }

    private func status(_ uses: RefusedUses?, delay: KeyStatus.LastUseDelay = .none) -> KeyStatus {
        KeyStatus(
            KeyRecord(organization: Installation.acme, owner: Installation.alice),
            use: .null,
            refusedUses: uses,
            lastUseDelay: delay,
            rotateAfterMilliseconds: nil,
            now: now
        )
    }

    @Test func `refused uses have a line if there are any`() {
        let time = UnixTime(milliseconds: now.milliseconds - 120_000)
        let line = "Refused:      Earlier keys were refused "
        func text(_ uses: RefusedUses?) -> String { StatusReport.text(status(uses), now: now) }
        #expect(!text(nil).contains("Refused"))
        #expect(text(.init(count: 1, lastAt: time)).hasSuffix(line + "once, 2 minutes ago\n"))
        #expect(
            text(.init(count: 14, lastAt: time)).hasSuffix(line + "14 times, last 2 minutes ago\n")
        )
    }

    @Test func `programs read refused uses as a number and a time`() {
        let json = StatusReport.json(status(.init(count: 14, lastAt: now)))
        #expect(
            json.hasSuffix(
                #","refused_uses":14,"last_refused_at":"2026-09-21T14:13:20.000Z"}"# + "\n"
            )
        )
        #expect(
            StatusReport.json(status(nil)).hasSuffix(
                #","refused_uses":0,"last_refused_at":null}"# + "\n"
            )
        )
    }

    @Test(
        arguments: [
            (KeyStatus.LastUseDelay.none, "Never", "0"),
            (.milliseconds(4000), "Never (uses of the last 4 seconds may be missing)", "4"),
            (.unknown, "Never (not all nginx workers have answered)", "null"),
        ]
    )
    func `a status says how far the last use may be behind`(
        delay: KeyStatus.LastUseDelay,
        text: String,
        json: String
    ) {
        let status = status(nil, delay: delay)
        #expect(TimeText.lastUse(status, now: now) == text)
        #expect(StatusReport.json(status).contains(#","last_used_delay_seconds":\#(json),"#))
    }
}
