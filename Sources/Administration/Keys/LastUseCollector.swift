import KeyFormat
import Keyring
import RedisClient

/// Has the gateways write down what they know of the uses of an organization's keys, so that what the
/// store tells next is as it is now.
///
/// A gateway that stays silent is not waited for long, and what fails is left to who reads next: then
/// the store tells what it has.
struct LastUseCollector {
    /// The longest wait: a gateway answers in a few of its turns.
    static let waitMilliseconds: UInt64 = 250

    private let channel: any StoreChannel
    private let clock: any BlockingClock
    private let makeBarrierID: (UnixTime) -> BarrierID

    init(
        _ channel: any StoreChannel,
        clock: any BlockingClock,
        makeBarrierID: @escaping (UnixTime) -> BarrierID
    ) {
        self.channel = channel
        self.clock = clock
        self.makeBarrierID = makeBarrierID
    }

    /// Returns when all who hear the question have confirmed it, or when nobody does any more.
    func collect(_ locator: Locator) {
        let flush = LastUseFlush(about: locator, barrierID: makeBarrierID(clock.unix))
        let deadline = clock.monotonic.advanced(byMilliseconds: Self.waitMilliseconds)
        guard case .integer(let subscriberCount) = execute([FleetChannel.publish(flush)]).first
        else {
            return
        }
        var acknowledged: Set<Member.ID> = []
        while acknowledged.count < subscriberCount {
            let left = clock.monotonic.milliseconds(until: deadline)
            guard left > 0 else { return }
            let ids = execute([
                FleetChannel.awaitAcknowledgment(of: flush, milliseconds: left),
                FleetChannel.popAcknowledgments(of: flush),
            ]).flatMap { FleetChannel.acknowledgments($0, of: flush) }
            guard !ids.isEmpty else { return }
            acknowledged.formUnion(ids)
        }
    }

    private func execute(_ commands: [RedisCommand]) -> [RedisReply] {
        do throws(StoreConnection.Fault) {
            return try channel.execute(commands)
        } catch {
            channel.renew()
            return []
        }
    }
}
