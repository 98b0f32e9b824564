import KeyFormat
import Keyring
import RedisClient

/// Makes all workers write the last uses of an organization's keys, so that the store knows the latest.
///
/// The wait is short, and failures are ignored: the store then reports what it has.
struct LastUseCollector {
    /// Longest wait in milliseconds. A worker answers within a few turns of its event loop.
    static let waitMilliseconds: UInt64 = 250

    private let context: AdministrationContext

    init(_ context: AdministrationContext) {
        self.context = context
    }

    /// Returns when all subscribers have acknowledged the flush, or none has for too long.
    func collect(_ locator: Locator) {
        let clock = context.clock
        let flush = LastUseFlush(about: locator, barrierID: context.makeBarrierID(clock.unix))
        let deadline = clock.monotonic.advanced(byMilliseconds: Self.waitMilliseconds)
        let reply = execute([FleetChannel.publish(flush)]).first
        guard case .integer(let subscriberCount) = reply else { return }
        var acknowledged: Set<Member.ID> = []
        while acknowledged.count < subscriberCount {
            let left = clock.monotonic.milliseconds(until: deadline)
            guard left > 0 else { return }
            let ids = execute([
                FleetChannel.awaitAcknowledgement(of: flush, milliseconds: left),
                FleetChannel.popAcknowledgements(of: flush),
            ]).flatMap { FleetChannel.acknowledgements($0, of: flush) }
            guard !ids.isEmpty else { return }
            acknowledged.formUnion(ids)
        }
    }

    private func execute(_ commands: [RedisCommand]) -> [RedisReply] {
        do throws(StoreConnection.Fault) {
            return try context.channel.execute(commands)
        } catch {
            context.channel.renew()
            return []
        }
    }
}
