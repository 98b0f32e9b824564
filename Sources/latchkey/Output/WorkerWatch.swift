import Administration
import Keyring

/// Formats the list of nginx workers repeatedly, with recent arrivals and departures marked.
struct WorkerWatch {
    /// Number of pictures in which a worker stays marked.
    static let markedPictures = 10

    private static let clearScreen = "\u{1B}[H\u{1B}[2J"

    /// A worker, as the pictures show it.
    private struct Entry {
        let member: Member

        /// Whether it is still on the list.
        var isListed = true

        /// Number of further pictures in which it is marked: as new if it is listed, as gone otherwise.
        var marked: Int

        var mark: String { marked == 0 ? "" : isListed ? "new" : "gone" }
    }

    private let isTerminal: Bool

    /// By host and process ID; `nil` before the first picture, in which nobody is new.
    private var entries: [Entry]?

    /// - Parameter isTerminal: Whether a picture takes the place of the one before.
    init(isTerminal: Bool = ANSIStyle.isTerminal(1)) {
        self.isTerminal = isTerminal
    }

    /// The picture of a list that was just read.
    mutating func picture(of membership: Membership, at now: UnixTime) -> String {
        update(membership.members)
        let unreadable = membership.unreadable.map { "\($0) cannot be read\n" }.joined()
        return picture("\(Workers(membership.members))", now) + unreadable
    }

    /// The picture where the list cannot be read, for a reason: what was on it.
    func picture(withoutList reason: String, at now: UnixTime) -> String {
        picture("not up to date: \(reason)", now)
    }

    private mutating func update(_ members: [Member]) {
        let before = entries ?? []
        let present = members.map { member in
            let known = before.first { $0.isListed && $0.member.id == member.id }
            let marked = known.map { max(0, $0.marked - 1) } ?? Self.markedPictures
            return Entry(member: member, marked: entries == nil ? 0 : marked)
        }
        let gone = before.compactMap { entry -> Entry? in
            guard !members.contains(where: { $0.id == entry.member.id }) else { return nil }
            let marked = entry.isListed ? Self.markedPictures : entry.marked - 1
            return marked == 0 ? nil : Entry(member: entry.member, isListed: false, marked: marked)
        }
        entries = (present + gone).sorted { Self.place($0) < Self.place($1) }
    }

    private static func place(_ entry: Entry) -> (String, UInt64, String) {
        (entry.member.host, entry.member.processID, entry.member.id.description)
    }

    private func picture(_ title: String, _ now: UnixTime) -> String {
        let rows = (entries ?? []).map { [$0.mark] + WorkerTable.row($0.member) }
        let head = "\(TimeText.moment(now))  \(title)\n\n"
        let table = rows.isEmpty ? "" : Table.columns([["STATE"] + WorkerTable.header] + rows)
        return (isTerminal ? Self.clearScreen : "") + head + table + "\n"
    }
}
