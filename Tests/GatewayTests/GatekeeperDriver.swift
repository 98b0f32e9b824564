import KeyFormat
import Keyring
import RedisClient
import TestSupport

@testable import Gateway

/// Drives a gatekeeper with several servers: carries out its orders, and passes the time.
protocol GatekeeperDriver: AnyObject {
    var gatekeeper: Gatekeeper { get }
    var now: ClockReading { get set }

    /// What was logged.
    var lines: [EventLog.Line] { get set }

    func open(_ link: UInt32)
    func close(_ link: UInt32)

    /// Takes what the gatekeeper sends on a link.
    func write(_ link: UInt32, _ output: [UInt8])
}

extension GatekeeperDriver {
    /// Lets time pass, a few milliseconds at a time.
    func pass(milliseconds: UInt64, step: UInt64 = 5) {
        var left = milliseconds
        while left > 0 {
            let part = min(step, left)
            left -= part
            advance(milliseconds: part)
            run()
        }
    }

    /// Lets time pass of which the gatekeeper is told nothing.
    func advance(milliseconds: UInt64) {
        now = ClockReading(
            monotonic: now.monotonic.advanced(byMilliseconds: milliseconds),
            unix: now.unix.advanced(byMilliseconds: milliseconds)
        )
    }

    /// Carries out all orders, and answers all commands.
    func run() {
        for _ in 0..<100 {
            _ = gatekeeper.tick(now)
            var isBusy = false
            while let (link, order) = gatekeeper.nextOrder(now) {
                isBusy = true
                carryOut(order, link)
            }
            if !isBusy { break }
        }
        while let line = gatekeeper.nextLogLine() { lines.append(line) }
    }

    private func carryOut(_ order: LinkOrder, _ link: UInt32) {
        switch order {
        case .open: open(link)
        case .close: close(link)
        case .write: write(link, output(link))
        }
    }

    private func output(_ link: UInt32) -> [UInt8] {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = buffer.withUnsafeMutableBytes({
            gatekeeper.drainOutput(link: link, into: $0)
        }), count > 0 {
            output += buffer.prefix(count)
        }
        return output
    }

    /// What a check comes to without the store; `nil` if it waits.
    func atOnce(_ key: [UInt8]) -> Decision? {
        switch gatekeeper.check(key.span, request: 1, at: now) {
        case .decided(let decision): return decision
        case .waiting(let ticket):
            gatekeeper.cancel(ticket: ticket)
            return nil
        }
    }

    /// What a check comes to that waits as long as it may.
    func waited(for key: [UInt8]) -> Decision.Result? {
        guard case .waiting = gatekeeper.check(key.span, request: 3, at: now) else { return nil }
        pass(milliseconds: 2000)
        return gatekeeper.nextDecision()?.decision.result
    }

    /// What a check comes to if all that can be reached answers at once; `nil` if it goes on waiting.
    func result(_ key: [UInt8]) -> Decision.Result? {
        switch gatekeeper.check(key.span, request: 2, at: now) {
        case .decided(let decision): return decision.result
        case .waiting(let ticket):
            run()
            guard let answer = gatekeeper.nextDecision() else {
                gatekeeper.cancel(ticket: ticket)
                return nil
            }
            return answer.decision.result
        }
    }
}

/// What each driver begins with.
struct DrivenInstallation {
    let configuration: Configuration
    let gatekeeper: Gatekeeper
    let keys: TestKeys

    /// - Parameter directives: All but the pepper's.
    init(_ directives: String, pepper: String = String(repeating: "0a", count: 32)) throws {
        let folder = TemporaryFolder()
        let file = try folder.write(pepper, to: "pepper")
        let text = "latchkey_pepper_file \(file); \(directives)"
        configuration = try Configuration(ConfigurationFile.directives(in: Array(text.utf8)))
        let packed = try GatewaySecrets.pack(configuration)
        gatekeeper = Gatekeeper(
            configuration,
            secrets: try GatewaySecrets(packed: packed, configuration),
            identity: .init(number: 0xABCD, host: "web-1", processID: 4711)
        )
        keys = try TestKeys(pepper: pepper)
    }
}

extension ClockReading {
    /// When the tests begin.
    static let start = ClockReading(
        monotonic: MonotonicTime(nanoseconds: 1_000_000_000),
        unix: UnixTime(milliseconds: 1_790_000_000_000)
    )
}
