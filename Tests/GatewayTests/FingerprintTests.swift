import Testing

@testable import Gateway

struct FingerprintTests {
    /// Expected values are from OpenSSL's SipHash: the text 00 01 02 …, under the key 00 01 … 0f.
    @Test(arguments: [
        (0, "a3817f04ba25a8e66df67214c7550293"),
        (1, "da87c1d86b99af44347659119b22fc45"),
        (7, "a1f1ebbed8dbc153c0b84aa61ff08239"),
        (8, "3b62a9ba6258f5610f83e264f31497b4"),
        (9, "264499060ad9baabc47f8b02bb6d71ed"),
        (15, "5493e99933b0a8117e08ec0f97cfc3d9"),
        (16, "6ee2a4ca67b054bbfd3315bf85230577"),
        (63, "5150d1772f50834a503e069a973fbd7c"),
        (64, "1eaf077dc0d4cd3f8cad4d383658a74b"),
        (75, "4fb14afe87ee2b2e22f8dbf4b40b025e"),
    ])
    func `fingerprints are 128-bit SipHash`(length: Int, expected: String) {
        let fingerprinter = Fingerprinter(
            secret: (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
        )
        let text = (0..<length).map { UInt8($0) }
        let fingerprint = fingerprinter.fingerprint(of: text.span)
        let bytes = withUnsafeBytes(of: fingerprint) { Array($0) }
        let digits = bytes.map { String(UInt8($0) >> 4, radix: 16) + String($0 & 15, radix: 16) }
        #expect(digits.joined() == expected)
    }

    @Test func `each fingerprinter has its own secret`() {
        let text = [UInt8](repeating: 65, count: 64)
        let fingerprints = (0..<100).map { _ in Fingerprinter().fingerprint(of: text.span) }
        for (index, one) in fingerprints.enumerated() {
            for other in fingerprints[..<index] { #expect(one != other) }
        }
    }
}
