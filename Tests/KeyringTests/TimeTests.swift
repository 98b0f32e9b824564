import Testing

@testable import Keyring

struct TimeTests {
    @Test(
        arguments: [
            ("0", 0), ("500ms", 500), ("1s", 1000), ("10m", 600_000),
            ("2h", 7_200_000),
            ("90d", 7_776_000_000), ("1w", 604_800_000), ("1M", 2_592_000_000),
            ("1y", 31_536_000_000),
            ("1h30m", 5_400_000), ("1m30s", 90_000), ("1d2h3m4s5ms", 93_784_005), ("0s", 0),
            ("0001s", 1000),
            ("1000y", 31_536_000_000_000),
        ] as [(String, UInt64)]
    )
    func `a time span has the notation of nginx`(text: String, milliseconds: UInt64) {
        #expect(TimeSpan.milliseconds(text) == milliseconds)
    }

    @Test(arguments: [
        "", " ", "s", "ms", "-1s", "+1s", "1.5s", "1 s", " 1s", "1s ", "1S", "1min", "1sec", "1x",
        "1h1h",
        "1m1h", "1s1m", "1ms1s", "1s1", "½d", "١s", "1s\n", "1001y", "99999999999999999999s",
        "18446744073709551615ms", "18446744073709551615y", "600000000000y", "1000y1s", "0x1s",
        "1e3s", "1", "90", "00", "1m30", "30 1m",
    ])
    func `anything else is not a time span`(text: String) {
        #expect(TimeSpan.milliseconds(text) == nil)
    }

    @Test func `a moment is stored as decimal digits`() throws {
        for milliseconds: Int64 in [0, 1, 1_790_000_000_000, 253_402_300_799_999] {
            let time = UnixTime(milliseconds: milliseconds)
            #expect(time.decimal == Array("\(milliseconds)".utf8))
            #expect(UnixTime(decimal: time.decimal) == time)
        }
    }

    @Test(arguments: [
        "", "-1", "+1", "01", " 1", "1 ", "1.5", "1e3", "0x10", "253402300800000",
        "9223372036854775807",
        "9999999999999999999", "18446744073709551616", "1790000000000\n", "١",
    ])
    func `anything else is not a moment`(text: String) {
        #expect(UnixTime(decimal: text.utf8) == nil)
    }

    @Test func `a moment advances to the end of the year 9999 at most`() {
        let time = UnixTime(milliseconds: 1000)
        #expect(time.advanced(byMilliseconds: 500) == UnixTime(milliseconds: 1500))
        #expect(time.advanced(byMilliseconds: .max) == UnixTime(milliseconds: 253_402_300_799_999))
        #expect(
            UnixTime(milliseconds: .max).advanced(byMilliseconds: .max)
                == UnixTime(milliseconds: .max)
        )
        #expect(time < time.advanced(byMilliseconds: 1))
    }
}
