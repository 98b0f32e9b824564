import KeyFormat
import Keyring
import RedisClient

/// How the gatekeeper writes last uses.
extension Gatekeeper {
    func sendUses(_ now: MonotonicTime) {
        guard isAnyReady else { return }
        for use in uses.nextCommands(now, { readyPlace(ofShard: $0) != nil }) {
            guard let place = readyPlace(ofShard: use.shard) else { continue }
            let tag = CommandTag(purpose: use.purpose, number: UInt64(use.shard))
            _ = nodes[place].data.send(use.command, tag: tag, now: now)
        }
    }

    /// The place of a shard's last uses; `nil` while they cannot be written.
    private func readyPlace(ofShard shard: UInt8) -> Int? {
        cluster.place(ofShard: shard).flatMap { nodes[$0].data.isReady ? $0 : nil }
    }

    /// The last uses of a shard were written or refused. Errors about the shard's slot are reported only if they last.
    func lastUsesAnswered(
        _ reply: RedisReply,
        _ tag: CommandTag,
        from place: Int,
        _ now: ClockReading
    ) {
        guard let error = reply.failure else {
            postponeLeaving(now.monotonic)
            return uses.succeeded(tag.shard)
        }
        let lasts = uses.failed(tag.shard, now.monotonic)
        logRefusal(error, .usesRefused, "last uses were not recorded", place, now, lasts: lasts)
    }
}

extension CommandTag {
    /// The shard whose last uses the command writes.
    var shard: UInt8 { UInt8(truncatingIfNeeded: number) }
}

// MARK: - Flushes

extension Gatekeeper {
    /// Writes the last uses of an organization at once. The signal is acknowledged after the replies.
    func flush(_ signal: Signal, from place: Int, _ now: MonotonicTime) {
        let shard = Keyspace.shard(of: signal.locator)
        guard nodes[place].data.isReady, let bucket = readyPlace(ofShard: shard),
            !flushes.contains(signal), let commands = uses.flush(signal.locator)
        else { return }
        guard !commands.isEmpty else { return acknowledge(signal, to: place, now) }
        for (number, command) in flushes.add(signal, from: place, commands) {
            let tag = CommandTag(purpose: .flushedUse, number: number, sentAt: now)
            _ = nodes[bucket].data.send(command, tag: tag, now: now)
        }
    }

    func flushAnswered(
        _ reply: RedisReply,
        _ tag: CommandTag,
        from place: Int,
        _ now: ClockReading
    ) {
        if let error = reply.failure {
            logRefusal(error, .usesRefused, "a use was not recorded", place, now)
            if !redirectFlush(tag, after: error, from: place, now) { flushes.failed(tag.number) }
            return
        }
        guard let (signal, place) = flushes.answered(tag.number), nodes[place].data.isReady
        else { return }
        acknowledge(signal, to: place, now.monotonic)
    }

    /// Resends a command of a flush to the server that a redirection names. Returns whether it was sent.
    private func redirectFlush(
        _ tag: CommandTag,
        after error: RedisError,
        from place: Int,
        _ now: ClockReading
    ) -> Bool {
        guard cluster.isUsed, let asked = nodes[place].endpoint,
            let redirection = Redirection(error, from: asked),
            let command = flushes.redirected(tag.number)
        else { return false }
        var target = cluster.seats.place(of: redirection.target)
        if case .ask = redirection {
            target = guestPlace(of: redirection.target, now)
            if let target { send(ClusterCommands.asking, .asking, to: target, now.monotonic) }
        }
        guard let target, nodes[target].data.isReady else { return false }
        _ = nodes[target].data.send(command, tag: tag, now: now.monotonic)
        return true
    }
}
