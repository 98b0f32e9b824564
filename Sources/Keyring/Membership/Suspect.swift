import RedisClient

/// A member that was silent when a change waited for it, and was moved off the list: notes in the list
/// stand for it.
///
/// A worker that is alive after all does not find its entry at its next heartbeat. It then forgets what it
/// has cached, and registers anew. So a suspect trusts its cache for its lease and grace after the move at
/// most, and then its notes can be removed. When it was moved is noted by the monotonic clock of the
/// machine that moved it; each other machine notes when it first saw it.
///
/// Its token goes on counting in the checksum, so that notes cannot be lost unnoticed.
public struct Suspect: Sendable {
    /// The member as it was.
    public let member: Member

    /// When it had been moved at the latest, by the clock of this machine; `nil` if that is not noted.
    public let movedAt: MonotonicTime?

    /// The names of its notes.
    fileprivate let fields: [String]
}

// MARK: - Commands

extension Suspect {
    private static let key = MembershipCommands.key

    /// Makes the next transaction on this connection fail if the list changes before it, and reads the entries
    /// of members; ``unchanged(_:_:)`` parses the last reply.
    public static func watch(_ members: some Collection<Member>) -> [RedisCommand] {
        [
            RedisCommand("WATCH", key),
            RedisCommand(["HMGET", key] + members.map { .text($0.id.description) }),
        ]
    }

    /// The members whose entries are unchanged.
    public static func unchanged(_ members: some Collection<Member>, _ reply: RedisReply)
        -> [Member]
    {
        guard case .array(let entries) = reply, entries.count == members.count else { return [] }
        return zip(members, entries)
            .filter { member, entry in
                guard case .bulk(let text) = entry else { return false }
                return Member(field: member.id.description.utf8, value: text) == member
            }
            .map(\.0)
    }

    /// Moves members, in one transaction.
    public static func move(_ members: some Collection<Member>) -> [RedisCommand] {
        [RedisCommand("MULTI")]
            + members.flatMap { member in
                [
                    RedisCommand("HDEL", key, .text(member.id.description)),
                    RedisCommand(
                        "HSETNX",
                        key,
                        .text(Note.field(member)),
                        .text(member.text)
                    ),
                ]
            }
            + [RedisCommand("EXEC")]
    }

    /// Notes when members had been moved at the latest, for the machine that `bootID` names.
    public static func note(
        _ members: some Collection<Member>,
        movedAt moment: MonotonicTime,
        bootID: String
    ) -> [RedisCommand] {
        members.map { member in
            RedisCommand(
                "HSETNX",
                key,
                "\(Note.field(member)):\(bootID)",
                .number(moment.nanoseconds)
            )
        }
    }

    /// Makes the next transaction on this connection fail if the list changes before it, and reads the notes
    /// of suspects; ``noted(_:_:)`` parses the last reply.
    public static func watch(_ suspects: some Collection<Suspect>) -> [RedisCommand] {
        [
            RedisCommand("WATCH", key),
            RedisCommand(["HMGET", key] + suspects.map { .text(Note.field($0.member)) }),
        ]
    }

    /// The suspects whose notes are still there.
    public static func noted(_ suspects: some Collection<Suspect>, _ reply: RedisReply) -> [Suspect]
    {
        guard case .array(let notes) = reply, notes.count == suspects.count else { return [] }
        return zip(suspects, notes)
            .filter { if case .bulk = $0.1 { true } else { false } }
            .map(\.0)
    }

    /// Removes suspects whose trust has ended, in one transaction.
    public static func remove(_ suspects: some Collection<Suspect>) -> [RedisCommand] {
        [RedisCommand("MULTI")]
            + suspects.flatMap { suspect in
                [
                    RedisCommand(["HDEL", key] + suspect.fields.map { .text($0) }),
                    MembershipCommands.add(-suspect.member.token.number),
                ]
            }
            + [RedisCommand("EXEC")]
    }
}

// MARK: - Storage format

extension Suspect {
    /// The notes of a list: `silent:<member ID>:<token>` with the entry as it was, and the same name followed
    /// by `:<boot ID>` with a moment in nanoseconds.
    struct Note {
        private static let separator = UInt8(ascii: ":")

        let suspect: String
        let member: Member?
        let bootID: String?
        let movedAt: MonotonicTime?

        static func field(_ member: Member) -> String { "silent:\(member.id):\(member.token)" }

        /// Parses a note; `nil` if it is not valid.
        init?(field: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
            let names = field.split(separator: Self.separator, omittingEmptySubsequences: false)
            guard names.count == 3 || names.count == 4, names[0].spells("silent") else {
                return nil
            }
            suspect = names[1...2].map { String(decoding: $0, as: UTF8.self) }.joined(
                separator: ":"
            )
            if names.count == 3 {
                guard let member = Member(field: names[1], value: value),
                    names[2].elementsEqual(member.token.description.utf8)
                else { return nil }
                self.member = member
                bootID = nil
                movedAt = nil
            } else {
                guard let nanoseconds = DecimalNumber.value(of: value) else { return nil }
                member = nil
                bootID = String(decoding: names[3], as: UTF8.self)
                movedAt = MonotonicTime(nanoseconds: nanoseconds)
            }
        }
    }

    /// The suspects that notes stand for. A moment without an entry is skipped.
    ///
    /// - Parameter bootID: Distinguishes the monotonic clock of this machine from others.
    static func suspects(_ notes: [(field: String, note: Note)], bootID: String) -> [Suspect] {
        Dictionary(grouping: notes, by: \.note.suspect).values
            .compactMap { notes in
                guard let member = notes.lazy.compactMap(\.note.member).first else { return nil }
                let own = notes.first { $0.note.bootID == bootID }
                return Suspect(
                    member: member,
                    movedAt: own?.note.movedAt,
                    fields: notes.map(\.field).sorted()
                )
            }
            .sorted { $0.fields[0] < $1.fields[0] }
    }
}
