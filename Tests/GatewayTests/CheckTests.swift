import KeyFormat
import Keyring
import Testing

@testable import Gateway

struct CheckTests {
    private let driver: GateDriver

    init() throws {
        driver = try GateDriver.connected()
    }

    private func recordKey(_ name: String) -> String {
        "latchkey:record:{\(Organization(name)!.locator)}"
    }

    @Test func `a forged key never reaches the store`() throws {
        let key = driver.generate("acme")
        let other = try GateDriver(pepper: String(repeating: "0b", count: 32))
        for request: UInt in 1...1000 {
            var altered = key
            altered[Int(request) % altered.count] ^= 1
            let malformed = driver.check(altered, request: request).decision
            #expect(malformed?.result == .malformed)
            #expect(malformed?.locator == nil)
            let forged = driver.check(other.generate("acme"), request: request).decision
            #expect(forged?.result == .forged)
            #expect(forged?.locator == nil)
            #expect(forged?.source == Decision.Source.none)
        }
        #expect(driver.turn().isEmpty)
        #expect(driver.output().isEmpty)
        #expect(driver.answers().isEmpty)
        #expect(driver.gatekeeper.waitingCount == 0)
    }

    @Test func `bytes of any length and content are malformed`() {
        for length in [0, 1, 63, 64, 65, 65_536] {
            for byte in [0, 0x20, 0x41, 0x80, 0xFF] as [UInt8] {
                let text = [UInt8](repeating: byte, count: length)
                #expect(driver.check(text, request: 1).decision?.result == .malformed)
            }
        }
    }

    @Test func `a key that its record accepts is allowed`() throws {
        let key = driver.generate("acme")
        let ticket = driver.check(key, request: 7).ticket
        #expect(ticket != 0)
        #expect(driver.gatekeeper.waitingCount == 1)
        #expect(driver.answers().isEmpty)
        driver.serve()
        let answers = driver.answers()
        let answer = try #require(answers.first)
        #expect(answers.count == 1)
        #expect(answer.request == 7)
        #expect(answer.decision.result == .allowed)
        #expect(answer.decision.source == .store)
        #expect(answer.decision.organization == Organization("acme"))
        #expect(answer.decision.locator == Organization("acme")?.locator)
        #expect(driver.gatekeeper.waitingCount == 0)
    }

    @Test func `a replaced key and a revoked key are revoked, and one whose record is lost is not`()
    {
        let first = driver.generate("acme")
        let second = driver.generate("acme")
        #expect(driver.result(first) == .revoked)
        #expect(driver.result(second) == .allowed)
        driver.revoke("acme")
        #expect(driver.result(second) == .revoked)
        let third = driver.generate("acme")
        #expect(driver.result(third) == .allowed)
        driver.store.removeAll()
        #expect(driver.result(third) == .unavailable)
    }

    @Test func `a refusal by the record names the locator, not the organization`() throws {
        let key = driver.generate("acme")
        driver.revoke("acme")
        driver.check(key, request: 1)
        driver.serve()
        let decision = try #require(driver.answers().first?.decision)
        #expect(decision.organization == nil)
        #expect(decision.locator == Organization("acme")?.locator)
        #expect(decision.source == .store)
    }

    @Test func `a key expires by the time of the decision`() {
        let key = driver.generate("acme", expiresIn: 5000)
        #expect(driver.result(key) == .allowed)
        driver.advance(milliseconds: 4999)
        #expect(driver.result(key) == .allowed)
        driver.advance(milliseconds: 1)
        #expect(driver.result(key) == .expired)
    }

    @Test func `the previous key is allowed while its grace lasts`() {
        let first = driver.generate("acme")
        let second = driver.generate("acme", graceMilliseconds: 1000)
        #expect(driver.result(first) == .allowed)
        #expect(driver.result(second) == .allowed)
        driver.advance(milliseconds: 1000)
        #expect(driver.result(first) == .revoked)
        #expect(driver.result(second) == .allowed)
    }

    @Test func `checks of one organization share an unsent read`() {
        let key = driver.generate("acme")
        let old = key
        let new = driver.generate("acme")
        for request: UInt in 1...3 { driver.check(new, request: request) }
        driver.check(old, request: 4)
        let turn = driver.turn()
        #expect(turn.reads == [recordKey("acme")])
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.results() == [1: .allowed, 2: .allowed, 3: .allowed, 4: .revoked])
    }

    @Test func `a check never joins a read that was sent`() {
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        let first = driver.turn()
        let firstAnswer = driver.store.answer(first.commands)
        driver.revoke("acme")
        driver.check(key, request: 2)
        let second = driver.turn()
        #expect(first.reads == [recordKey("acme")])
        #expect(second.reads == [recordKey("acme")])
        driver.received(firstAnswer)
        #expect(driver.results() == [1: .allowed])
        driver.received(driver.store.answer(second.commands))
        #expect(driver.results() == [2: .revoked])
    }

    @Test func `a check does not join a read that was ordered but not written`() {
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        #expect(driver.gatekeeper.nextOrder(driver.now)?.order == .write)
        driver.check(key, request: 2)
        let commands = TestStore.commands(in: driver.output()) + driver.turn().commands
        #expect(commands.filter { $0[0] == "HMGET" }.count == 2)
    }

    @Test func `all reads of a turn go out in one write, in the order of their checks`() {
        let names = (0..<50).map { "org-\($0)" }
        for (index, name) in names.enumerated() {
            driver.check(driver.generate(name), request: UInt(index))
        }
        let turn = driver.turn()
        #expect(turn.writes.count == 1)
        #expect(turn.reads == names.map(recordKey))
        driver.received(driver.store.answer(turn.commands))
        let answers = driver.answers()
        #expect(answers.map(\.request) == (0..<50).map { UInt($0) })
        #expect(answers.allSatisfy { $0.decision.result == .allowed })
    }

    @Test func `checks are answered as the pieces of a reply arrive`() {
        for name in ["a", "b", "c"] {
            driver.check(driver.generate(name), request: UInt(name.utf8.first!))
        }
        let answer = Array(driver.store.answer(driver.turn().commands).utf8)
        var results: [UInt: Decision.Result] = [:]
        for byte in answer {
            driver.received([byte])
            results.merge(driver.results()) { first, _ in first }
        }
        #expect(results == [0x61: .allowed, 0x62: .allowed, 0x63: .allowed])
    }

    @Test func `at most 65,536 checks wait, others are unavailable at once`() {
        let key = driver.generate("acme")
        for request: UInt in 0..<65_536 {
            #expect(driver.check(key, request: request).decision == nil)
        }
        #expect(driver.gatekeeper.waitingCount == 65_536)
        for request: UInt in 0..<3 {
            let decision = driver.check(key, request: 70_000 + request).decision
            #expect(decision?.result == .unavailable)
        }
        #expect(driver.logLines().map(\.text) == ["too many checks wait for the store"])
        driver.serve()
        #expect(driver.results().count == 65_536)
        #expect(driver.result(key) == .allowed)
    }
}

// MARK: - Cancelling

extension CheckTests {
    @Test func `a check that is cancelled before its read is sent causes no read`() {
        let ticket = driver.check(driver.generate("acme"), request: 1).ticket
        driver.gatekeeper.cancel(ticket: ticket)
        #expect(driver.gatekeeper.waitingCount == 0)
        #expect(driver.turn().commands.isEmpty)
        #expect(driver.answers().isEmpty)
    }

    @Test func `a check that is cancelled while its read is in flight is not answered`() {
        let key = driver.generate("acme")
        let ticket = driver.check(key, request: 1).ticket
        driver.check(key, request: 2)
        let turn = driver.turn()
        driver.gatekeeper.cancel(ticket: ticket)
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.results() == [2: .allowed])
    }

    @Test func `a check that is cancelled after its reply arrived is not answered`() {
        let key = driver.generate("acme")
        let ticket = driver.check(key, request: 1).ticket
        driver.check(key, request: 1)
        driver.serve()
        driver.gatekeeper.cancel(ticket: ticket)
        #expect(driver.answers().count == 1)
    }

    @Test func `unknown tickets do no harm`() {
        let key = driver.generate("acme")
        let first = driver.check(key, request: 1).ticket
        driver.gatekeeper.cancel(ticket: first)
        let second = driver.check(key, request: 2).ticket
        #expect(second != first)
        for ticket in [
            0, 1, first, second &+ 1, second &+ 1 << 32, .max, .max - 1, 1 << 32, 1 << 63,
        ] {
            driver.gatekeeper.cancel(ticket: ticket)
        }
        #expect(driver.gatekeeper.waitingCount == 1)
        driver.serve()
        #expect(driver.results() == [2: .allowed])
        driver.gatekeeper.cancel(ticket: second)
        #expect(driver.answers().isEmpty)
    }

    @Test func `tickets are never 0, and unique while checks wait`() {
        let key = driver.generate("acme")
        for _ in 0..<50 {
            let tickets = (0..<20).map { driver.check(key, request: UInt($0)).ticket }
            #expect(Set(tickets).count == 20)
            #expect(!tickets.contains(0))
            for ticket in tickets.shuffled() { driver.gatekeeper.cancel(ticket: ticket) }
        }
        #expect(driver.gatekeeper.waitingCount == 0)
    }
}
