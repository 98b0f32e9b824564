import RedisClient

/// A connection to one sentinel, on which it is asked for the primary again and again.
///
/// A class, so that links of any number stand in an array.
final class SentinelLink {
    /// The connection: orders, bytes and deadlines go straight to it.
    var link: RedisLink
    private var heartbeat: Heartbeat

    /// Why the sentinel names no primary, as was last reported; `nil` while it names one.
    private var reported: String?

    /// Where the sentinel listens.
    let endpoint: Endpoint

    init(_ endpoint: Endpoint, _ settings: LinkSettings, _ interval: Heartbeat.Interval) {
        self.endpoint = endpoint
        link = RedisLink(settings)
        heartbeat = Heartbeat(interval)
    }

    /// When the next question is due.
    var due: MonotonicTime { link.isReady ? heartbeat.due : .never }

    /// Makes the next question due at once.
    func askNow(_ now: MonotonicTime) {
        heartbeat.renewNow(now)
    }

    /// Asks, if it is time.
    func ask(_ questions: [(RedisCommand, CommandTag.Purpose)], _ now: MonotonicTime) {
        guard link.isReady, let number = heartbeat.next(now) else { return }
        for (question, purpose) in questions {
            let tag = CommandTag(purpose: purpose, number: number, sentAt: now)
            _ = link.send(question, tag: tag, now: now)
        }
    }

    /// Notes why the sentinel names no primary; `nil` if it names one. Returns whether that has changed.
    func note(silence reason: String?) -> Bool {
        guard reason != reported else { return false }
        reported = reason
        return true
    }
}
