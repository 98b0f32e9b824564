/// Removes keys from messages: a key that was typed in the wrong place must not be repeated.
enum Redaction {
    /// Number of characters after the locator of a key.
    private static let secretLength = 46

    /// The text with `…` in place of every run of letters and digits that follows an underscore and is
    /// long enough for the secret part of a key.
    static func redacting(_ text: String) -> String {
        var redacted = ""
        var run = ""
        for character in text {
            if character.isASCII, character.isLetter || character.isNumber {
                run.append(character)
            } else {
                redacted += shown(run, after: redacted.last)
                redacted.append(character)
                run = ""
            }
        }
        return redacted + shown(run, after: redacted.last)
    }

    private static func shown(_ run: String, after character: Character?) -> String {
        run.utf8.count >= secretLength && character == "_" ? "…" : run
    }
}
