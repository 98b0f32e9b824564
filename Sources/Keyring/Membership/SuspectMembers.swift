import RedisClient

/// Workers that did not acknowledge a change in time, with their membership at that moment, by the
/// clock of Redis.
///
/// Without this, a dead worker whose lease and grace exceed the time that a command waits would
/// delay every change. A membership that has not been renewed since shows that its worker is dead.
public struct SuspectMembers {
    private let notes: [String: Note]

    /// The time of Redis when the notes were read.
    private let now: UnixTime?

    private struct Note {
        let since: UnixTime
        let text: ArraySlice<UInt8>
    }

    /// Reads the notes and the clock of Redis; ``init(_:clock:)`` parses the two replies.
    public static func read() -> [RedisCommand] {
        [RedisCommand("HGETALL", key), RedisCommand("TIME")]
    }

    private static let key = RedisCommand.Argument.bytes(Keyspace.suspectMembers)

    /// Parses the replies; unreadable notes are skipped.
    public init(_ reply: RedisReply, clock: RedisReply) {
        now = Self.time(clock)
        guard case .array(let elements) = reply, elements.count.isMultiple(of: 2) else {
            notes = [:]
            return
        }
        var notes: [String: Note] = [:]
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard case .bulk(let field) = elements[index],
                case .bulk(let value) = elements[index + 1],
                let space = value.firstIndex(of: UInt8(ascii: " ")),
                let since = UnixTime(decimal: value[..<space])
            else { continue }
            notes[String(decoding: field, as: UTF8.self)] = Note(
                since: since,
                text: value[space...].dropFirst()
            )
        }
        self.notes = notes
    }

    /// Whether a worker has not renewed its membership for so long that it no longer trusts its cache.
    ///
    /// - Parameter milliseconds: How long it may trust its cache, with a margin for clock drift.
    public func hasEnded(_ member: Member, after milliseconds: UInt64) -> Bool {
        guard let now, let note = note(of: member), note.since <= now else { return false }
        return UInt64(now.milliseconds - note.since.milliseconds) >= milliseconds
    }

    /// Records the current membership of workers; `nil` if all of them are recorded already.
    public func record(_ members: [Member]) -> RedisCommand? {
        let unrecorded = members.filter { note(of: $0) == nil }
        guard let now, !unrecorded.isEmpty else { return nil }
        var command = RedisCommand("HSET", Self.key)
        for member in unrecorded {
            command.append(.text(member.id.description))
            command.append("\(now.milliseconds) \(member.text)")
        }
        return command
    }

    /// Removes the note of a worker.
    public static func remove(_ id: Member.ID) -> RedisCommand {
        RedisCommand("HDEL", key, .text(id.description))
    }

    /// The note of a member that has not renewed its membership since.
    private func note(of member: Member) -> Note? {
        notes[member.id.description].flatMap { $0.text.elementsEqual(member.text.utf8) ? $0 : nil }
    }

    /// Parses the reply to TIME: seconds and microseconds.
    public static func time(_ reply: RedisReply) -> UnixTime? {
        guard case .array(let parts) = reply, parts.count == 2, case .bulk(let seconds) = parts[0],
            case .bulk(let microseconds) = parts[1],
            let seconds = DecimalNumber.value(of: seconds),
            let microseconds = DecimalNumber.value(of: microseconds), microseconds < 1_000_000
        else { return nil }
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return nil }
        return UnixTime(milliseconds: 0).advanced(byMilliseconds: milliseconds)
            .advanced(byMilliseconds: microseconds / 1000)
    }
}
