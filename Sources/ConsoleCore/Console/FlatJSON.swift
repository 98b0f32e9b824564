/// A JSON object whose members are strings or `null`. A body needs no more.
struct FlatJSON {
    /// The members; those that are `null` are left out.
    private(set) var members: [String: String] = [:]

    /// `nil` if the text is no such object, or names a member twice.
    init?(_ text: [UInt8]) {
        guard let values = JSONValue(text)?.members else { return nil }
        for (name, value) in values where value != .null {
            guard let text = value.text else { return nil }
            members[name] = text
        }
    }
}
