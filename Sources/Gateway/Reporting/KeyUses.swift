import KeyFormat
import Keyring
import RedisClient

/// How the store hears of uses: by and by, or at once where somebody asks.
extension Gatekeeper {
    var usesDue: MonotonicTime {
        let hasUses = usage.isWaiting || (cache.usesCount > 0 && !usage.isUnderWay)
        return min(hasUses ? usage.due : .never, refusals.count > 0 ? refusals.due : .never)
    }

    func sendUses(_ now: MonotonicTime) {
        guard data.link.isReady else { return }
        for command in usage.takeBatch(cache, now)
        where !data.link.send(command, tag: CommandTag(purpose: .uses), now: now) {
            usage.resend(now)
        }
        for command in refusals.takeBatch(now) {
            _ = data.link.send(command, tag: CommandTag(purpose: .refusals), now: now)
        }
    }

    /// Writes down what is known of an organization's uses, and behind it that this was done. Its
    /// turn comes all the same: that a last use is told twice does no harm.
    func answer(_ inquiry: LastUseFlush, _ now: ClockReading) {
        guard data.link.isReady else { return }
        let locator = inquiry.locator
        if let use = unwrittenUse(of: locator) {
            send(UseCommands.record(CollectionOfOne((key: locator, value: use))), .askedUse, now)
        }
        if let refused = refusals.take(locator) {
            send(RefusalCommands.record(refused, of: locator), .refusals, now)
        }
        send(FleetChannel.acknowledge(inquiry, by: identity.id), .confirmation, now)
    }

    private func unwrittenUse(of locator: Locator) -> UnixTime? {
        [cache.unwrittenUse(of: locator), usage.unwrittenUse(of: locator)].compactMap(\.self).max()
    }

    private func send(
        _ commands: [RedisCommand],
        _ purpose: CommandTag.Purpose,
        _ now: ClockReading
    ) {
        for command in commands {
            _ = data.link.send(command, tag: CommandTag(purpose: purpose), now: now.monotonic)
        }
    }
}
