/// Spans of time as nginx writes them: `500ms`, `10s`, `1h30m`, `90d`.
///
/// Each number needs its unit. nginx takes one without for seconds, where people mean days or
/// milliseconds: a key would be dead at noon, a lease a thousand times as long.
public enum TimeSpan {
    /// Longest span: a thousand years.
    private static let millisecondsMax: UInt64 = 1000 * 365 * 86_400_000

    private static let units: [(name: String, milliseconds: UInt64)] = [
        ("y", 365 * 86_400_000), ("M", 30 * 86_400_000), ("w", 7 * 86_400_000), ("d", 86_400_000),
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// The milliseconds that a text stands for, or `nil` where it is no span of time.
    ///
    /// Units go from long to short, each at most once. Nothing is nothing in any unit: `0`.
    public static func milliseconds(_ text: String) -> UInt64? {
        var rest = Substring(text)
        var sum: UInt64 = 0
        var unitsLeft = units[...]
        guard !rest.isEmpty else { return nil }
        guard text != "0" else { return 0 }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let name = rest[digits.endIndex...].prefix { $0.isASCII && $0.isLetter }
            rest = rest[name.endIndex...]
            guard let number = UInt64(digits),
                let unit = unitsLeft.firstIndex(where: { $0.name == name }),
                let product = product(number, unitsLeft[unit].milliseconds),
                sum + product <= millisecondsMax
            else { return nil }
            sum += product
            unitsLeft = unitsLeft[(unit + 1)...]
        }
        return sum
    }

    private static func product(_ number: UInt64, _ unit: UInt64) -> UInt64? {
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow || product > millisecondsMax ? nil : product
    }
}
