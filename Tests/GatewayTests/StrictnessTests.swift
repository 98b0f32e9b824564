import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// The real gatekeeper between a proxy and a store whose actions come in any order: keys are generated
/// and revoked, links break, replies arrive late and in pieces, requests are cancelled.
struct StrictnessTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `an allowed key was valid at some moment since its check began`(seed: UInt64)
        throws
    {
        var world = try World(seed: seed)
        for _ in 0..<3000 { try world.step() }
        try world.drain()
        #expect(world.allowedCount > 100)
        #expect(world.revokedCount > 10)
    }
}

/// A check that waits for its answer.
private struct WaitingRequest {
    let key: [UInt8]
    let ticket: UInt64
    let begun: Int
    let deadline: MonotonicTime
}

private struct World {
    private static let names = ["acme", "umbrella", "initech"]

    private let driver: GateDriver
    private var generator: SplitMix64

    /// Number of steps so far: the time by which keys end.
    private var time = 0
    private var ended: [[UInt8]: Int] = [:]
    private var active: [String: [UInt8]] = [:]
    private var issued: [[UInt8]] = []
    private var waiting: [UInt: WaitingRequest] = [:]
    private var lastRequest: UInt = 0

    /// Commands that have not reached the store, and replies that have not reached the gatekeeper.
    private var isConnected = false
    private var toStore: [[String]] = []
    private var fromStore: [UInt8] = []

    private(set) var allowedCount = 0
    private(set) var revokedCount = 0

    init(seed: UInt64) throws {
        driver = try GateDriver("latchkey_consistency strict; latchkey_timeout 200ms;")
        generator = SplitMix64(seed: seed)
        for name in Self.names { generate(name) }
    }

    mutating func step() throws {
        time += 1
        switch Int.random(in: 0..<1000, using: &generator) {
        case 0..<30: generate(Self.names.randomElement(using: &generator)!)
        case 30..<50: revoke(Self.names.randomElement(using: &generator)!)
        case 50..<350: begin()
        case 350..<380: cancel()
        case 380..<600: carryOutOrders()
        case 600..<750: answerCommands()
        case 750..<900: deliverBytes()
        case 900..<905: breakLink()
        default: passTime()
        }
        checkAnswers()
        #expect(driver.gatekeeper.waitingCount == waiting.count)
    }

    /// Lets all checks finish: no request is left without an answer.
    mutating func drain() throws {
        for _ in 0..<2000 {
            time += 1
            driver.tick(afterMilliseconds: 1)
            carryOutOrders()
            answerCommands()
            deliverBytes()
            checkAnswers()
        }
        #expect(waiting.isEmpty)
        #expect(driver.gatekeeper.waitingCount == 0)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    // MARK: Keys

    private mutating func generate(_ name: String) {
        if let old = active[name] { ended[old] = time }
        let key = driver.generate(name)
        active[name] = key
        issued.append(key)
    }

    private mutating func revoke(_ name: String) {
        guard let old = active.removeValue(forKey: name) else { return }
        ended[old] = time
        driver.revoke(name)
    }

    // MARK: The proxy

    private mutating func begin() {
        lastRequest += 1
        let isOld = Int.random(in: 0..<3, using: &generator) == 0
        let name = Self.names.randomElement(using: &generator)!
        guard let key = isOld ? issued.suffix(6).randomElement(using: &generator) : active[name]
        else { return }
        let check = driver.check(key, request: lastRequest)
        if let decision = check.decision {
            #expect(decision.result == .unavailable)
            return
        }
        waiting[lastRequest] = WaitingRequest(
            key: key,
            ticket: check.ticket,
            begun: time,
            deadline: driver.now.monotonic.advanced(byMilliseconds: 200)
        )
    }

    private mutating func cancel() {
        guard let (request, check) = waiting.min(by: { $0.key < $1.key }) else { return }
        driver.gatekeeper.cancel(ticket: check.ticket)
        waiting[request] = nil
    }

    private mutating func carryOutOrders() {
        while let (link, order) = driver.gatekeeper.nextOrder(driver.now) {
            guard link == GateDriver.data else {
                driver.gatekeeper.linkClosed(link, at: driver.now)
                continue
            }
            switch order {
            case .open: connect()
            case .close: disconnect()
            case .write: toStore += TestStore.commands(in: driver.output())
            }
        }
    }

    private mutating func connect() {
        #expect(!isConnected)
        if Int.random(in: 0..<5, using: &generator) == 0 {
            driver.gatekeeper.linkClosed(0, at: driver.now)
        } else {
            isConnected = true
            driver.gatekeeper.linkOpened(0, at: driver.now)
        }
    }

    private mutating func disconnect() {
        isConnected = false
        toStore = []
        fromStore = []
    }

    private mutating func breakLink() {
        guard isConnected else { return }
        disconnect()
        driver.gatekeeper.linkClosed(0, at: driver.now)
    }

    private mutating func checkAnswers() {
        for (request, decision) in driver.answers() {
            guard let check = waiting.removeValue(forKey: request) else {
                Issue.record("a request was answered twice, or after it was cancelled")
                continue
            }
            if decision.result == .allowed {
                allowedCount += 1
                let end = ended[check.key] ?? .max
                #expect(
                    end >= check.begun,
                    "a key that ended at \(end) was allowed for a check of \(check.begun)"
                )
            } else if decision.result == .revoked {
                revokedCount += 1
                #expect(ended[check.key] != nil, "a valid key was refused")
            } else {
                #expect(decision.result == .unavailable)
            }
        }
    }

    private mutating func passTime() {
        driver.tick(afterMilliseconds: UInt64.random(in: 0...30, using: &generator))
        checkAnswers()
        #expect(waiting.values.allSatisfy { driver.now.monotonic < $0.deadline })
    }

    // MARK: The store and its connection

    private mutating func answerCommands() {
        let count = min(toStore.count, Int.random(in: 0...20, using: &generator))
        fromStore += Array(driver.store.answer(Array(toStore.prefix(count))).utf8)
        toStore.removeFirst(count)
    }

    private mutating func deliverBytes() {
        let count = min(fromStore.count, Int.random(in: 0...8000, using: &generator))
        guard count > 0 else { return }
        let bytes = Array(fromStore.prefix(count))
        fromStore.removeFirst(count)
        driver.received(bytes)
    }
}
