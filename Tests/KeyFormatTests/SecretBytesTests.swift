import TestSupport
import Testing

@testable import KeyFormat

/// That the bytes are wiped cannot be seen from Swift without reading freed memory.
struct SecretBytesTests {
    private struct Refusal: Error {}

    @Test func `bytes are copied in and lent out`() {
        let secret = SecretBytes(copying: [1, 2, 3].span)
        #expect(secret.count == 3)
        #expect(secret.bytes == [1, 2, 3])
    }

    @Test func `no bytes are fine`() {
        let secret = SecretBytes(copying: [UInt8]().span)
        #expect(secret.count == 0)
        #expect(secret.bytes.isEmpty)
    }

    @Test func `only what was filled counts, and it never exceeds the room`() {
        func count(claimed: Int) -> Int {
            SecretBytes(capacity: 4) { room in
                room[0] = 9
                return claimed
            }.count
        }
        #expect(count(claimed: 0) == 0)
        #expect(count(claimed: 3) == 3)
        #expect(count(claimed: 4) == 4)
        #expect(count(claimed: 5) == 4)
        #expect(count(claimed: .max) == 4)
        #expect(count(claimed: -1) == 0)
    }

    @Test func `room is zero before it is filled`() {
        let secret = SecretBytes(capacity: 64) { $0.count }
        #expect(secret.bytes == [UInt8](repeating: 0, count: 64))
    }

    @Test func `an error while filling is passed on`() {
        #expect(throws: Refusal.self) {
            _ = try SecretBytes(capacity: 8) { (_) throws(Refusal) -> Int in throw Refusal() }
        }
    }

    @Test func `an error while lending is passed on`() {
        let secret = SecretBytes(copying: [1].span)
        #expect(throws: Refusal.self) {
            try secret.withSpan { (_) throws(Refusal) -> Void in throw Refusal() }
        }
    }
}
