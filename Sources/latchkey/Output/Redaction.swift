/// Takes keys out of what is told: a key that was typed in a wrong place must not be repeated.
enum Redaction {
    /// Characters of a key behind its locator.
    private static let secretLength = 46

    /// The text with `…` for every run of letters and digits that is long enough to be the secret
    /// part of a key and stands behind an underscore.
    static func redacting(_ text: String) -> String {
        var redacted = ""
        var run = ""
        for character in text {
            if character.isASCII, character.isLetter || character.isNumber {
                run.append(character)
            } else {
                redacted += shown(run, behind: redacted.last)
                redacted.append(character)
                run = ""
            }
        }
        return redacted + shown(run, behind: redacted.last)
    }

    private static func shown(_ run: String, behind character: Character?) -> String {
        run.utf8.count >= secretLength && character == "_" ? "…" : run
    }
}
