import KeyFormat

/// A name that workers track, as invalidations carry it.
public enum TrackedKey {
    case record(Locator)
    case signal(Signal)

    /// The prefix of all such names.
    public static let prefix = Keyspace.recordPrefix

    /// Parses a name; `nil` if it is neither a record's nor a signal's.
    public init?(_ key: ArraySlice<UInt8>) {
        if let locator = Keyspace.locator(ofRecord: key) {
            self = .record(locator)
        } else if let signal = Signal(key: key) {
            self = .signal(signal)
        } else {
            return nil
        }
    }
}
