/// Time spans in nginx's notation: `500ms`, `10s`, `1h30m`, `90d`.
///
/// Every number needs a unit. nginx reads a bare number as seconds; a key meant to expire in days
/// would then expire within minutes, and a lease meant in milliseconds would be 1,000 times as long.
public enum TimeSpan {
    /// Longest span: 1,000 years.
    private static let millisecondsMax: UInt64 = 1000 * 365 * 86_400_000

    private static let units: [(name: String, milliseconds: UInt64)] = [
        ("y", 365 * 86_400_000), ("M", 30 * 86_400_000), ("w", 7 * 86_400_000), ("d", 86_400_000),
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Parses a time span into milliseconds; `nil` if it is not valid.
    ///
    /// Units must appear from long to short, each at most once. `0` needs no unit.
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
