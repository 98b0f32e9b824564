import Administration
import Keyring
import Testing

@testable import latchkey

struct TimeTextTests {
    private let now = UnixTime(milliseconds: 1_790_000_000_000)

    @Test(arguments: [
        (-60_000, "just now"), (0, "just now"), (999, "just now"), (1000, "1 second ago"),
        (59_999, "59 seconds ago"), (60_000, "1 minute ago"), (119_999, "1 minute ago"),
        (180_000, "3 minutes ago"), (3_599_999, "59 minutes ago"), (3_600_000, "1 hour ago"),
        (7_200_000, "2 hours ago"), (86_399_999, "23 hours ago"), (86_400_000, "1 day ago"),
        (432_000_000, "5 days ago"), (34_560_000_000, "400 days ago"),
    ])
    func `elapsed time is written in the largest unit`(milliseconds: Int64, text: String) {
        let time = UnixTime(milliseconds: now.milliseconds - milliseconds)
        #expect(TimeText.ago(time, now: now) == text)
    }

    @Test func `a last use may be absent or unknown`() {
        #expect(TimeText.lastUse(.never, now: now) == "Never")
        #expect(TimeText.lastUse(.at(now), now: now) == "just now")
        #expect(TimeText.lastUse(.unknown, now: now).hasPrefix("Unknown"))
    }

    @Test func `an expiry is shown before and after`() {
        let day: UInt64 = 86_400_000
        #expect(TimeText.expiry(now.advanced(byMilliseconds: 3 * day), now: now) == "in 3 days")
        let past = UnixTime(milliseconds: now.milliseconds - 3 * Int64(day))
        #expect(
            TimeText.expiry(past, now: now) == "3 days ago: requests with it are refused"
        )
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_400_007, "2000-02-29T00:00:00.007Z"),
        (1_790_000_000_123, "2026-09-21T14:13:20.123Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ])
    func `programs read times of RFC 3339`(milliseconds: Int64, text: String) {
        #expect(TimeText.rfc3339(UnixTime(milliseconds: milliseconds)) == text)
    }
}

struct JSONTextTests {
    @Test(arguments: [
        ("acme", "\"acme\""), ("", "\"\""), ("a\"b\\c/d", "\"a\\\"b\\\\c/d\""),
        ("\n\t\0\u{1F}", "\"\\u000a\\u0009\\u0000\\u001f\""), ("ü€😀\u{7F}", "\"ü€😀\u{7F}\""),
        ("\r\n", "\"\\u000d\\u000a\""), ("\u{301}\"\u{301}", "\"\u{301}\\\"\u{301}\""),
    ])
    func `characters with a meaning in JSON are escaped`(text: String, json: String) {
        #expect(Array(JSONText.string(text).utf8) == Array(json.utf8))
    }

    @Test func `an object keeps its members in order`() {
        #expect(JSONText.object([("b", "1"), ("a\"", "null")]) == #"{"b":1,"a\"":null}"#)
        #expect(JSONText.object([]) == "{}")
    }
}
