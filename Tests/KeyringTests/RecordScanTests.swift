import KeyFormat
import RedisClient
import Testing

@testable import Keyring

struct RecordScanTests {
    private func bulk(_ text: String) -> RedisReply { .bulk(Array(text.utf8)[...]) }

    private func page(_ cursor: String, _ keys: String...) -> RedisReply {
        .array([bulk(cursor), .array(keys.map(bulk))])
    }

    @Test func `pages are asked for until the last one, and no record comes twice`() throws {
        let acme = Organization("acme")!.locator
        let record = "latchkey:record:{\(acme)}"
        var scan = RecordScan()
        #expect(scan.next?.arguments[1].elementsEqual("0".utf8) == true)
        #expect(try scan.receive(page("17", record, "latchkey:record:{short}", "other")) == [acme])
        #expect(scan.next?.arguments[1].elementsEqual("17".utf8) == true)
        #expect(try scan.receive(page("0", record)) == [])
        #expect(scan.next == nil)
    }

    @Test func `what is no page ends the scan with an error`() {
        for reply in [RedisReply.null, .array([]), .array([bulk("0")]), bulk("0"), .integer(0)] {
            var scan = RecordScan()
            #expect(throws: RedisError.self) { try scan.receive(reply) }
        }
    }
}
