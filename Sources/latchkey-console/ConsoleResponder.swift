import Administration
import ConsoleCore
import Hummingbird
import Keyring
import NIOCore
import RedisClient
import Synchronization

/// What a request knows of its connection.
struct ConnectionContext: Hummingbird.RequestContext {
    var coreContext: CoreRequestContextStorage

    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}

/// Answers requests: at once where it can, and in the pool where the store is needed.
struct ConsoleResponder: HTTPResponder {
    typealias Context = ConnectionContext

    private let installation: Installation
    private let console: Console
    private let pools: BlockingPools
    private let shared: Shared

    /// What all requests share.
    private final class Shared: Sendable {
        let limits: Mutex<ConsoleLimits>
        let metrics = Mutex(ConsoleMetrics())

        init(_ limits: ConsoleLimits) {
            self.limits = Mutex(limits)
        }
    }

    init(_ installation: Installation, _ pools: BlockingPools) {
        self.installation = installation
        self.pools = pools
        console = Console(
            installation.settings,
            keyPrefix: installation.configuration.prefix,
            tokens: installation.tokens
        )
        shared = Shared(ConsoleLimits(changesPerHour: installation.settings.changesPerHour))
    }

    func respond(to request: Request, context: Context) async throws -> Response {
        let id = Self.requestID()
        let start = ContinuousClock.now
        let received = await Self.received(request)
        let route = Route(received.path, base: installation.settings.base)
        var job: Job?
        let reply: Reply
        if route == .metrics, received.method == "GET" {
            let text = shared.metrics.withLock { $0.text(waiting: pools.waiting) }
            reply = Reply(metrics: text)
        } else {
            switch console.decide(received, id: id, now: SystemClock.unixTime()) {
            case .respond(let response, let note): reply = Reply(response, note: note)
            case .perform(let wanted):
                job = wanted
                reply = try await perform(wanted)
            }
        }
        let milliseconds = Self.milliseconds(since: start)
        count(reply, route, job, milliseconds)
        Journal.write(
            LogLine.request(
                received,
                id: id,
                route: route,
                job: job,
                status: reply.status,
                milliseconds: milliseconds,
                note: reply.note,
                at: SystemClock.unixTime()
            )
        )
        return reply.response(on: context.channel) {
            guard reply.hasKey else { return }
            Journal.say("a key was created, but not delivered: generate another", .warning, id: id)
        }
    }

    private func perform(_ job: Job) async throws -> Reply {
        let now = Self.now()
        if let seconds = shared.limits.withLock({ $0.delay(of: job, at: now) }) {
            return Reply(console.tooMany(job, retryAfter: seconds))
        }
        let mayAsk = shared.limits.withLock { $0.mayAskGateways(job, at: now) }
        let (console, installation) = (console, installation)
        let pool = job.change == nil ? pools.reads : pools.changes
        let reply = try await pool.run { () -> Reply in
            do throws(KeyFailure) {
                let administration = try installation.administration(for: job)
                let result = console.perform(
                    job,
                    administration,
                    mayAskGateways: mayAsk,
                    now: SystemClock.unixTime()
                )
                return Reply(result)
            } catch {
                return Reply(console.result(error, job))
            }
        }
        return reply ?? Reply(console.busy(job))
    }

    private func count(_ reply: Reply, _ route: Route?, _ job: Job?, _ milliseconds: UInt64) {
        shared.metrics.withLock { metrics in
            metrics.count(route, status: reply.status)
            guard let change = job?.change, let outcome = reply.outcome else { return }
            metrics.count(change, outcome: outcome, milliseconds: milliseconds)
        }
    }

    private static func received(_ request: Request) async -> ConsoleRequest {
        ConsoleRequest(
            method: request.method.rawValue,
            target: request.head.path ?? "",
            headers: request.headers.map { ($0.name.rawName, $0.value) },
            body: await BodyReader(request).body()
        )
    }

    private static func requestID() -> String {
        let digits = String(UInt32.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    private static let origin = ContinuousClock.now

    private static func now() -> MonotonicTime {
        MonotonicTime.origin.advanced(byMilliseconds: milliseconds(since: origin))
    }

    private static func milliseconds(since start: ContinuousClock.Instant) -> UInt64 {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return UInt64(max(0, seconds)) * 1000 + UInt64(max(0, attoseconds) / 1_000_000_000_000_000)
    }
}
