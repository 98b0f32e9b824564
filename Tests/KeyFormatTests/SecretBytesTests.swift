import TestSupport
import Testing

@testable import KeyFormat

/// Whether the bytes are wiped cannot be tested in Swift without reading freed memory.
struct SecretBytesTests {
    private struct Refusal: Error {}

    @Test func `bytes are copied in and can be read`() {
        let secret = SecretBytes(copying: [1, 2, 3].span)
        #expect(secret.count == 3)
        #expect(secret.bytes == [1, 2, 3])
    }

    @Test func `a secret may be empty`() {
        let secret = SecretBytes(copying: [UInt8]().span)
        #expect(secret.count == 0)
        #expect(secret.bytes.isEmpty)
    }

    @Test(arguments: 0...4)
    func `a secret holds what was appended, and no more`(count: Int) {
        let secret = SecretBytes(capacity: 4) { output in
            for byte in 0..<count { output.append(UInt8(byte)) }
        }
        #expect(secret.bytes == (0..<count).map { UInt8($0) })
    }

    @Test func `more than the capacity is never written`() async {
        await #expect(processExitsWith: .failure) {
            _ = SecretBytes(capacity: 4) { output in for _ in 0..<5 { output.append(0) } }
        }
    }

    @Test func `an error while filling is passed on`() {
        #expect(throws: Refusal.self) {
            _ = try SecretBytes(capacity: 8) { (_) throws(Refusal) in throw Refusal() }
        }
    }

    @Test func `an error while reading is passed on`() {
        let secret = SecretBytes(copying: [1].span)
        #expect(throws: Refusal.self) {
            try secret.withSpan { (_) throws(Refusal) -> Void in throw Refusal() }
        }
    }
}
