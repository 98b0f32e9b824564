import RedisClient

/// Workers that were waited for in vain, and what their entries were at that time, by the store's
/// own clock.
///
/// A worker whose lease and grace are longer than anybody waits would be waited for at every change
/// once it has died. Its entry tells: while it stays the same, the worker has not been heard of.
public struct SuspectMembers {
    private let notes: [String: Note]

    /// The store's time when the notes were read.
    private let now: UnixTime?

    private struct Note {
        let since: UnixTime
        let text: ArraySlice<UInt8>
    }

    /// Reads the notes and the store's clock; the two replies are for ``init(_:clock:)``.
    public static func read() -> [RedisCommand] {
        var command = RedisCommand("HGETALL")
        command.append(Keyspace.suspectMembers)
        return [command, RedisCommand("TIME")]
    }

    /// Takes the replies; what cannot be read there is as if it were not there.
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

    /// Whether a worker's entry has been the same for so long that it cannot trust anything any
    /// more.
    ///
    /// - Parameter milliseconds: For how long it may, with what clocks may run apart.
    public func hasEnded(_ entry: Member, after milliseconds: UInt64) -> Bool {
        guard let now, let note = note(of: entry), note.since <= now else { return false }
        return UInt64(now.milliseconds - note.since.milliseconds) >= milliseconds
    }

    /// Notes workers whose entries are as they are now; `nil` where all have been noted so before.
    public func note(_ entries: [Member]) -> RedisCommand? {
        let unknown = entries.filter { note(of: $0) == nil }
        guard let now, !unknown.isEmpty else { return nil }
        var command = RedisCommand("HSET")
        command.append(Keyspace.suspectMembers)
        for entry in unknown {
            command.append(entry.id.description)
            command.append(now.decimal + Array(" \(entry.text)".utf8))
        }
        return command
    }

    /// Takes a worker's note out.
    public static func forget(_ id: Member.ID) -> RedisCommand {
        var command = RedisCommand("HDEL")
        command.append(Keyspace.suspectMembers)
        command.append(id.description)
        return command
    }

    /// The note of an entry that has not been written since.
    private func note(of entry: Member) -> Note? {
        notes[entry.id.description].flatMap { $0.text.elementsEqual(entry.text.utf8) ? $0 : nil }
    }

    /// The reply to TIME: seconds and microseconds.
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
