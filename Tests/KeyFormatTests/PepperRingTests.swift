import TestSupport
import Testing

@testable import KeyFormat

struct PepperRingTests {
    private let first = String(repeating: "01", count: 32)
    private let second = String(repeating: "ab", count: 32)

    private func fault(_ contents: String) -> PepperRing.Fault? {
        do throws(PepperRing.Fault) {
            _ = try PepperRing(contents: contents.secret)
            return nil
        } catch {
            return error
        }
    }

    /// An authenticator, which distinguishes peppers.
    private func mark(_ pepper: Pepper) -> [UInt8] {
        pepper.authenticator(of: Array("mark".utf8).span).hexadecimal
    }

    @Test func `the first pepper makes keys, all of them verify`() throws {
        let old = try Installation(pepperFile: second)
        let rotated = try Installation(pepperFile: "\(first)\n\(second)\n")
        let ended = try Installation(pepperFile: first)
        #expect(
            try rotated.peppers.peppers.map(mark) == [first, second].map { try mark(pepper($0)) }
        )
        #expect(try mark(rotated.peppers.current) == mark(pepper(first)))

        let oldKey = old.mintText(for: "acme")
        let newKey = rotated.mintText(for: "acme")
        #expect(rotated.outcome(oldKey) == old.outcome(oldKey))
        #expect(rotated.outcome(newKey).isIssued)
        #expect(old.outcome(newKey) == .forged)
        #expect(ended.outcome(newKey) == rotated.outcome(newKey))
        #expect(ended.outcome(oldKey) == .forged)
    }

    private func pepper(_ digits: String) throws -> Pepper {
        try PepperRing(contents: digits.secret).current
    }

    private func pepper(bytes: [UInt8]) -> Pepper? {
        Pepper(SecretBytes(copying: bytes.span))
    }

    @Test(arguments: [
        "%", "%\n", "%\r\n", "\n\n%\n\n", "  %\t \n", "\r\n%", " \n\t\r\n%\r\n",
    ])
    func `blank lines, white space around a line and any line ending are skipped`(form: String)
        throws
    {
        let contents = form.split(separator: "%", omittingEmptySubsequences: false)
            .joined(separator: first)
        let ring = try PepperRing(contents: contents.secret)
        #expect(try ring.peppers.map(mark) == [mark(pepper(first))])
    }

    @Test func `the case of the digits does not matter`() throws {
        #expect(try mark(pepper(second)) == mark(pepper(second.uppercased())))
    }

    @Test(arguments: ["", "\n", "\r\n\r\n", "   ", "\t\n \n"])
    func `a file without a pepper is a fault`(contents: String) {
        #expect(fault(contents) == .empty)
    }

    @Test func `a line that is not 64 hexadecimal digits is a fault of that line`() {
        let rest = first.dropFirst()
        let wrong: [String] = [
            "\(rest)", "\(rest.dropFirst())", "\(first)0", "\(first)\(first)", "\(first) \(first)",
            "g\(rest)", "\0\(rest)", "é\(rest.dropFirst())", "0x\(first)", "# comment",
            "\(first.prefix(32)) \(first.suffix(31))",
        ]
        for line in wrong {
            #expect(fault("\(line)") == .line(1))
            #expect(fault("\(first)\n\n\(line)\n\(second)\n") == .line(3))
            #expect(fault("\(first)\r\n\(line)") == .line(2))
        }
    }

    @Test func `a file holds at most eight peppers`() {
        let lines = (0..<9).map { String(repeating: "0\($0)", count: 32) }
        #expect(fault(lines.prefix(8).joined(separator: "\n")) == nil)
        #expect(fault(lines.joined(separator: "\n")) == .tooMany)
        #expect(fault(lines.joined(separator: "\n\n") + "\n") == .tooMany)
    }

    @Test func `a fault never contains contents of the file`() {
        for contents in [first + "0", "\(first)\n\(second)x", String(first.dropLast())] {
            let text = fault(contents).map { "\($0) \(String(reflecting: $0))" }
            #expect(text?.contains("0101") == false)
            #expect(text?.contains("abab") == false)
        }
    }

    @Test func `new contents hold one pepper, different each time`() throws {
        let contents = (0..<3).map { _ in PepperRing.makeContents().bytes }
        #expect(Set(contents).count == 3)
        for file in contents {
            #expect(file.count == 65)
            #expect(file.last == UInt8(ascii: "\n"))
            let ring = try PepperRing(contents: SecretBytes(copying: file.span))
            #expect(ring.peppers.count == 1)
        }
    }

    @Test func `a pepper is exactly 32 bytes`() {
        for count in [0, 1, 31, 33, 64] {
            #expect(pepper(bytes: [UInt8](repeating: 1, count: count)) == nil)
        }
        #expect(pepper(bytes: [UInt8](repeating: 1, count: 32)) != nil)
    }

    /// Computed with Python: `hmac.new(bytes(range(32)), b"a" * length, "sha256").hexdigest()`.
    @Test(arguments: [
        (0, "d38b42096d80f45f826b44a9d5607de72496a415d3f4a1a8c88e3bb9da8dc1cb"),
        (1, "5167dd15d18166a9dd6caa3522f7026f13d2f82c052bb245c9f3366588205222"),
        (55, "d5cc4f7313596a8544d290502640f09d005ad3ac7b06cd821d5eff03301d6609"),
        (56, "59892c1be1ad9fc2b7fd864c0b951cb43deab58a71d64edca83fbf7e10e12ae1"),
        (63, "0f7dae2c7a2f735486e4b9740884ec60c296f363c2c8b1462920444d3c518b01"),
        (64, "0b28b35a2636ba2e13226c4f5da305efe29561a71cf2b095c23ff285c0f994ca"),
        (65, "73d44ea4f6ca0dc88165e3a6c83dbe88879eaacd69faa01b8f08c0ff8879199f"),
        (119, "ebfd1dfe53ef6458416b60e39a5c67a211067bf67263f478717b228fe66cb978"),
        (1000, "d33e4e55394fcab1568facc89482436010a135f08717d32a15dfb3176c7b5004"),
    ])
    func `authenticators match those of other implementations for any length`(
        length: Int,
        expected: String
    ) throws {
        let secret = (0..<32).map { UInt8($0) }
        let pepper = try #require(self.pepper(bytes: secret))
        let message = [UInt8](repeating: UInt8(ascii: "a"), count: length)
        for _ in 0..<2 {
            #expect(pepper.authenticator(of: message.span).hexadecimal == Array(expected.utf8))
        }
        let longer = message + [1, 2, 3]
        let ofStart = pepper.authenticator(of: longer.span, count: length)
        #expect(ofStart.hexadecimal == Array(expected.utf8))
    }
}
