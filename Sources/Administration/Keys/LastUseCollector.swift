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
        let inquiry = LastUseFlush(about: locator, barrierID: makeBarrierID(clock.unix))
        let end = clock.monotonic.advanced(byMilliseconds: Self.waitMilliseconds)
        guard case .integer(let listeners) = execute([FleetChannel.publish(inquiry)]).first else {
            return
        }
        var confirmed: Set<Member.ID> = []
        while confirmed.count < listeners {
            let left = clock.monotonic.milliseconds(until: end)
            guard left > 0 else { return }
            let names = execute([
                FleetChannel.awaitAcknowledgment(of: inquiry, milliseconds: left),
                FleetChannel.popAcknowledgments(of: inquiry),
            ]).flatMap { FleetChannel.acknowledgments($0, of: inquiry) }
            guard !names.isEmpty else { return }
            confirmed.formUnion(names)
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
