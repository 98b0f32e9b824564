/// Texts of `name=value` words, separated by spaces.
enum NamedValues {
    /// The values by their names; `nil` if a word has no `=`. Where a name is repeated, its last value counts.
    ///
    /// - Parameter mayRepeat: Whether a name may be repeated; otherwise the result is `nil` then.
    static func parse(_ text: ArraySlice<UInt8>, mayRepeat: Bool = true)
        -> [String: ArraySlice<UInt8>]?
    {
        var values: [String: ArraySlice<UInt8>] = [:]
        for word in text.split(separator: UInt8(ascii: " ")) {
            guard let equals = word.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let name = String(decoding: word[..<equals], as: UTF8.self)
            let former = values.updateValue(word[equals...].dropFirst(), forKey: name)
            guard mayRepeat || former == nil else { return nil }
        }
        return values
    }
}
