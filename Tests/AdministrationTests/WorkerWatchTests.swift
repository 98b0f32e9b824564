import Administration
import Keyring
import Testing

@testable import Administration
@testable import latchkey

/// The pictures of `latchkey gateways --watch`.
struct WorkerWatchTests {
    private let now = UnixTime(milliseconds: 1_790_000_000_000)

    private func member(_ number: UInt64, host: String = "web-1") -> Member {
        Member(
            id: Member.ID(number),
            host: host,
            processID: 4710 + number,
            version: "0.2.0",
            leaseMilliseconds: 1000,
            graceMilliseconds: 0,
            token: StandInWorker.member(number).token
        )
    }

    private func membership(_ numbers: UInt64..., unreadable: [String] = []) throws -> Membership {
        let store = SimulatedStore(SimulatedClock())
        for number in numbers { store.carryOut(MembershipCommands.join(member(number))) }
        for name in unreadable { store.write("latchkey:{gateways}", name, "") }
        return try Membership(through: store)
    }

    /// The marks of the workers in a picture, by process.
    private func marks(_ picture: String) -> [String: String] {
        var marks: [String: String] = [:]
        for line in picture.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard let host = words.firstIndex(of: "web-1"), host < 2 else { continue }
            marks[words[host + 1]] = host == 0 ? "" : words[0]
        }
        return marks
    }

    @Test func `the first picture shows all workers, and none as new`() throws {
        var watch = WorkerWatch(isTerminal: false)
        #expect(
            watch.picture(of: try membership(1, 2), at: now) == """
                2026-09-21 14:13:20 UTC  2 nginx workers on 1 host

                STATE  HOST   PROCESS  VERSION  TRACKING  LEASE  GRACE  ID
                       web-1  4711     0.2.0    on        1s     0s     0000000000000001
                       web-1  4712     0.2.0    on        1s     0s     0000000000000002


                """
        )
    }

    @Test func `a worker that has come is new for a while`() throws {
        var watch = WorkerWatch(isTerminal: false)
        _ = watch.picture(of: try membership(1), at: now)
        for _ in 0..<WorkerWatch.markedPictures {
            #expect(
                marks(watch.picture(of: try membership(1, 2), at: now)) == [
                    "4711": "", "4712": "new",
                ]
            )
        }
        #expect(
            marks(watch.picture(of: try membership(1, 2), at: now)) == ["4711": "", "4712": ""]
        )
    }

    @Test func `a worker that has gone is shown for a while`() throws {
        var watch = WorkerWatch(isTerminal: false)
        _ = watch.picture(of: try membership(1, 2), at: now)
        for _ in 0..<WorkerWatch.markedPictures {
            let picture = watch.picture(of: try membership(2), at: now)
            #expect(picture.contains("1 nginx worker on 1 host"))
            #expect(marks(picture) == ["4711": "gone", "4712": ""])
        }
        #expect(marks(watch.picture(of: try membership(2), at: now)) == ["4712": ""])
    }

    @Test func `a worker that comes back is new`() throws {
        var watch = WorkerWatch(isTerminal: false)
        _ = watch.picture(of: try membership(1), at: now)
        _ = watch.picture(of: try membership(), at: now)
        #expect(marks(watch.picture(of: try membership(1), at: now)) == ["4711": "new"])
    }

    @Test func `without the list its last members stay, with the reason`() throws {
        var watch = WorkerWatch(isTerminal: false)
        _ = watch.picture(of: try membership(1), at: now)
        let picture = watch.picture(withoutList: "the store does not answer", at: now)
        #expect(picture.contains("UTC  not up to date: the store does not answer\n"))
        #expect(marks(picture) == ["4711": ""])
    }

    @Test func `an empty list is a picture without a table`() throws {
        var watch = WorkerWatch(isTerminal: false)
        let picture = watch.picture(of: try membership(unreadable: ["who"]), at: now)
        #expect(!picture.contains("HOST"))
        #expect(picture.contains("who cannot be read\n"))
    }

    @Test func `on a terminal a picture takes the place of the one before`() throws {
        var watch = WorkerWatch(isTerminal: true)
        #expect(watch.picture(of: try membership(1), at: now).hasPrefix("\u{1B}[H\u{1B}[2J"))
    }
}
