import Testing

@testable import Administration

struct SuggestionTests {
    private let names = ["acme", "umbrella", "initech", "a1", "b2"]

    @Test(arguments: [
        ("acm", "acme"), ("acmee", "acme"), ("amce", "acme"), ("ackme", "acme"), ("axme", "acme"),
        ("umbrela", "umbrella"), ("Initech", "initech"), ("xy", nil), ("hooli", nil),
        ("acme", nil), ("a", nil), ("", nil), ("a2", "a1"),
    ])
    func `the nearest name is found if one is near`(typed: String, meant: String?) {
        #expect(Suggestion.nearest(to: typed, among: names) == meant)
    }
}
