/// A language that the console speaks.
enum Language: String, CaseIterable, Sendable {
    case english = "en"
    case german = "de"

    var texts: Texts {
        switch self {
        case .english: .english
        case .german: .german
        }
    }

    /// The language that a browser prefers (RFC 9110, 12.5.4).
    ///
    /// - Parameters:
    ///   - accepted: The value of `Accept-Language`; `nil` if there is none.
    ///   - offered: The languages to choose from. The first is the fallback.
    static func preferred(_ accepted: String?, of offered: [Language]) -> Language {
        let ranges = WeightedList.parse(accepted ?? "")
        func weight(_ language: Language) -> Int {
            let tag = language.rawValue
            let exact = ranges.filter { $0.value == tag || $0.value.hasPrefix(tag + "-") }
            return (exact.isEmpty ? ranges.filter { $0.value == "*" } : exact).map(\.weight).max()
                ?? 0
        }
        let weights = offered.map { (language: $0, weight: weight($0)) }
        let best = weights.map(\.weight).max() ?? 0
        guard best > 0, let first = weights.first(where: { $0.weight == best }) else {
            return offered.first ?? .english
        }
        return first.language
    }
}

/// A list of values with weights, such as that of `Accept` (RFC 9110, 12.4.2).
enum WeightedList {
    /// Most elements that are looked at.
    private static let countMax = 32

    /// The values in lower case, each with a weight from 0 to 1000.
    static func parse(_ text: String) -> [(value: String, weight: Int)] {
        text.split(separator: ",").prefix(countMax).compactMap { element in
            let parts = element.split(separator: ";").map { $0.trimmingBlanks() }
            guard let value = parts.first, !value.isEmpty else { return nil }
            let quality = parts.dropFirst().first { $0.lowercased().hasPrefix("q=") }
            return (value.lowercased(), quality.map { weight($0.dropFirst(2)) } ?? 1000)
        }
    }

    /// `0.8` as 800; 0 for anything that is no weight.
    private static func weight(_ text: Substring) -> Int {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = Int(parts[0]), (0...1).contains(whole) else { return 0 }
        guard parts.count == 2 else { return 1000 * whole }
        let digits = parts[1].prefix(3)
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return 0 }
        let padded = digits + String(repeating: "0", count: 3 - digits.count)
        return min(1000, 1000 * whole + (Int(padded) ?? 0))
    }
}
