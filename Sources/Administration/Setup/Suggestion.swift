import Keyring
import RedisClient

/// Finds the name that was meant.
public enum Suggestion {
    /// Names that are further apart are no slip of the finger.
    private static let distanceMax = 2

    /// The name nearest to a text, where one is near; the text itself is none.
    public static func nearest(to text: String, among names: some Sequence<String>) -> String? {
        names.lazy
            .compactMap { name in distance(to: text, of: name).map { (distance: $0, name: name) } }
            .min { ($0.distance, $0.name) < ($1.distance, $1.name) }?
            .name
    }

    /// How far a name is from a text, where it is near.
    static func distance(to text: String, of name: String) -> Int? {
        let limit = min(distanceMax, text.utf8.count / 2)
        guard name != text, abs(name.utf8.count - text.utf8.count) <= limit else { return nil }
        let distance = distance(Array(text.utf8), Array(name.utf8))
        return distance <= limit ? distance : nil
    }

    /// How many letters have to be put in, left out, replaced or exchanged with their neighbours.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var rows = [Array(0...right.count)]
        for row in 1..<left.count + 1 {
            var next = [row]
            for column in 1..<right.count + 1 {
                let isSame = left[row - 1] == right[column - 1]
                var best = min(
                    rows[row - 1][column] + 1,
                    next[column - 1] + 1,
                    rows[row - 1][column - 1] + (isSame ? 0 : 1)
                )
                if row > 1, column > 1, left[row - 1] == right[column - 2],
                    left[row - 2] == right[column - 1]
                {
                    best = min(best, rows[row - 2][column - 2] + 1)
                }
                next.append(best)
            }
            rows.append(next)
        }
        return rows[left.count][right.count]
    }
}

extension KeyAdministration {
    /// A failure that also says which organization may have been meant.
    ///
    /// Operators may know all names, others only those of their own organizations: to them nothing
    /// differs where there is an organization of the name that they typed.
    func withSuggestion(
        _ error: AdministrationError,
        _ organization: Organization,
        isThere: Bool
    ) -> AdministrationError {
        guard suggestsNames, !caller.isOperator || !isThere, caller.mayActAsPrincipal,
            error.kind == .data || error.kind == .notPermitted
        else { return error }
        var names: [String] = []
        // Where the store does not list them, there is no suggestion.
        try? RecordListing(store).visit { locator, reply in
            guard let stored = try? StoredRecord(reply), let name = stored.unauthenticatedName,
                Suggestion.distance(to: organization.name, of: name) != nil,
                let record = try? stored.record(at: locator, seal: seal), !record.isRemoved,
                caller.isOperator || record.owner == caller.principal
            else { return }
            names.append(record.organization.name)
        }
        guard let name = Suggestion.nearest(to: organization.name, among: names) else {
            return error
        }
        return AdministrationError(error.kind, "\(error.message); did you mean \(name)?")
    }
}
