import KeyFormat
import Keyring
import RedisClient

/// Makes all workers write the last uses of an organization's keys, so that the store knows the latest.
///
/// The wait is short, and failures are ignored: the store then reports what it has. Since a flush costs
/// every worker a message, a store sends few of them.
struct LastUseCollector {
    /// Most flushes that a store sends within ``windowMilliseconds``.
    private static let countMax = 10
    private static let windowMilliseconds: UInt64 = 500

    private let context: AdministrationContext

    init(_ context: AdministrationContext) {
        self.context = context
    }

    /// Returns when all members have acknowledged the flush, or none has for too long.
    func collect(_ locator: Locator) -> KeyStatus.LastUseDelay {
        // A slot that is being moved is not waited for any longer than a worker.
        let patience = context.channel.replicated?.patienceMilliseconds ?? 0
        if context.channel.cluster != nil {
            context.channel.replicated?.patienceMilliseconds = FleetInquiry.waitMilliseconds
        }
        defer { context.channel.replicated?.patienceMilliseconds = patience }
        guard mayFlush else { return .unasked }
        let id = context.makeSignalID(context.clock.unix)
        let flush = Signal(.flush, about: locator, id: id)
        let inquiry = FleetInquiry(context.channel, clock: context.clock)
        guard let silence = inquiry.silence(after: flush) else { return .unasked }
        return silence.members.isEmpty && !silence.hasUnreadable ? .none : .unknown
    }

    private var mayFlush: Bool {
        let commands = FlushBudget.count(windowMilliseconds: Self.windowMilliseconds)
        let channel = context.channel.at(.flushes)
        do throws(StoreConnection.Fault) {
            let replies = try channel.execute(commands)
            if let number = FlushBudget.number(replies.last) { return number <= Self.countMax }
            // A refused EXEC would leave the connection in the transaction.
            channel.renew()
            return false
        } catch {
            channel.renew()
            return false
        }
    }
}
